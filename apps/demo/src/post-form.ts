import { type Html, html } from './html.js';
import type { NewComment, NewPost } from './posts-repository.js';

/** What was read from a form: the values as typed, and what is wrong with them. */
export interface Submitted<Values> {
  readonly values: Values;
  /** One sentence for each field that cannot be used. */
  readonly problems: readonly string[];
}

const limits = { author: 40, title: 120, body: 2_000 } as const;
type Field = keyof typeof limits;

export function readPost(form: ReadonlyMap<string, string>): Submitted<NewPost> {
  return read(form, ['author', 'title', 'body']);
}

export function readComment(form: ReadonlyMap<string, string>): Submitted<NewComment> {
  return read(form, ['author', 'body']);
}

function read<F extends Field>(
  form: ReadonlyMap<string, string>,
  fields: readonly F[],
): Submitted<Record<F, string>> {
  const values = Object.fromEntries(fields.map((field) => [field, form.get(field)?.trim() ?? '']));
  return {
    values: values as Record<F, string>,
    problems: fields.flatMap((field) => problemWith(field, values[field] ?? '')),
  };
}

function problemWith(field: Field, value: string): readonly string[] {
  if (value === '') return [`The ${field} is missing.`];
  if (value.length > limits[field]) return [`The ${field} is longer than ${limits[field]} characters.`];
  // PostgreSQL stores no such character in a text.
  return value.includes('\0') ? [`The ${field} holds a character that cannot be stored.`] : [];
}

/** The form for a post. A second button asks for a preview. */
export function postForm({ values, problems }: Partial<Submitted<NewPost>> = {}): Html {
  return html`<form method="post" action="/posts">
  ${problemList(problems)}
  ${authorField(values?.author)}
  <label>Title <input name="title" maxlength="${limits.title}" value="${values?.title ?? ''}" required></label>
  ${bodyField(values?.body)}
  <button>Post</button> <button formaction="/preview">Preview</button>
</form>`;
}

export function commentForm(post: number, { values, problems }: Partial<Submitted<NewComment>> = {}): Html {
  return html`<form method="post" action="/posts/${post}/comments">
  ${problemList(problems)}
  ${authorField(values?.author)}
  ${bodyField(values?.body)}
  <button>Comment</button>
</form>`;
}

function authorField(value = ''): Html {
  return html`<label>Name <input name="author" maxlength="${limits.author}" value="${value}" required></label>`;
}

/** A browser drops one line break after the tag, so there is one to drop. */
function bodyField(value = ''): Html {
  return html`<label>Text <textarea name="body" rows="4" maxlength="${limits.body}" required>
${value}</textarea></label>`;
}

function problemList(problems: readonly string[] = []): Html | undefined {
  if (problems.length === 0) return undefined;
  return html`<ul class="problems" role="alert">${problems.map((problem) => html`<li>${problem}</li>`)}</ul>`;
}
