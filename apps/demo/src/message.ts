import type { Html } from './html.js';

/** A request as a controller sees it: nothing of any framework is left. */
export interface DemoRequest {
  /** The parts of the path that a route names. */
  readonly params: ReadonlyMap<string, string>;
  /** The fields of a submitted form. */
  readonly form: ReadonlyMap<string, string>;
}

/** What a controller answers with. */
export type Answer = Page | Redirect | Json;

export interface Page {
  readonly kind: 'page';
  /** @default 200 */
  readonly status?: number;
  readonly title: string;
  readonly body: Html;
}

/** After a form was posted: the browser gets the page that shows the result, so that reloading posts nothing. */
export interface Redirect {
  readonly kind: 'redirect';
  readonly to: string;
}

export interface Json {
  readonly kind: 'json';
  readonly value: unknown;
}

/** A controller's method, bound. */
export type Handler = (request: DemoRequest) => Promise<Answer>;

/** Keeps the fields that are text. A field that was sent twice counts once, as its first value. */
export function textFields(given: unknown): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (typeof given !== 'object' || given === null) return fields;
  for (const [name, value] of Object.entries(given)) {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    if (typeof first === 'string') fields.set(name, first);
  }
  return fields;
}
