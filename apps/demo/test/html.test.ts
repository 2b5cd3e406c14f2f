import { describe, expect, it } from 'vitest';
import { html } from '../src/html.js';
import { layout } from '../src/layout.js';
import { postForm, readPost } from '../src/post-form.js';

const hostile = `"><script>alert('&')</script>`;
const harmless = '&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;';

describe('html', () => {
  it('escapes every value once, and markup never', () => {
    const inner = html`<b title="${hostile}">${hostile}</b>`;
    expect(String(inner)).toBe(`<b title="${harmless}">${harmless}</b>`);
    expect(String(html`<p>${inner}${[inner, 'a<b']}${undefined}${1}</p>`)).toBe(
      `<p>${inner}${inner}a&lt;b1</p>`,
    );
  });

  it('takes no text for markup because it looks like it', () => {
    const fake = { toString: () => '<b>' } as unknown as string;
    expect(() => html`${fake}`).toThrow(TypeError);
  });
});

describe('a page', () => {
  it('is safe whatever its title and its form hold', () => {
    const form = new Map([['title', hostile]]);
    const page = { kind: 'page', title: hostile, body: postForm(readPost(form)) } as const;
    const document = layout(page, hostile, []).toString();
    expect(document).not.toContain('<script');
    expect(document.split(harmless)).toHaveLength(5);
  });
});

describe('a form', () => {
  it('is told everything that is wrong with it', () => {
    const form = new Map([
      ['author', 'x'.repeat(41)],
      ['title', ' \n '],
      ['body', 'a\0b'],
    ]);
    expect(readPost(form).problems).toEqual([
      'The author is longer than 40 characters.',
      'The title is missing.',
      'The body holds a character that cannot be stored.',
    ]);
  });
});
