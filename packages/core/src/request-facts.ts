import type { RoleRule } from './role.js';

/**
 * What an adapter knows of a request. Nothing of it is asked for before a statement needs a decision, so what is dear
 * to find out may be found out only then.
 */
export interface RequestFacts {
  readonly method: string;
  /** The whole path as the client sent it, from the root of the server. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Whether the request came over HTTPS. */
  readonly secure: boolean;
  /** The route's name, where the framework knows it before the handler runs. */
  readonly route?: string | undefined;
  /** What the route's own settings force, where the framework knows them before the handler runs. */
  readonly rule?: RoleRule | undefined;
  /** The framework's own request, by which the application may tell who its client is. */
  readonly request?: object;
}

/** `GET /posts/1`, for messages and events. A query string is left out: it may hold anything. */
export function requestName({ method, path }: RequestFacts): string {
  const end = path.search(/[?#]/);
  return `${method} ${end < 0 ? path : path.slice(0, end)}`;
}
