/** What may stand in a template: text is escaped, markup made by {@link html} is not, nothing is left out. */
export type HtmlValue = Html | string | number | undefined | readonly HtmlValue[];

/** Markup that is safe to send. There is no other way to get one than {@link html}. */
export class Html {
  readonly #markup: string;

  constructor(strings: TemplateStringsArray, values: readonly HtmlValue[]) {
    this.#markup = strings.map((text, index) => text + markupOf(values[index])).join('');
  }

  toString(): string {
    return this.#markup;
  }
}

/** The template tag for markup: every value is escaped for use between tags and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(strings, values);
}

function markupOf(value: HtmlValue): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.toString();
  if (typeof value === 'string' || typeof value === 'number') return escapeText(String(value));
  return value.map(markupOf).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
