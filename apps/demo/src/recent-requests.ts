import type { TracedStatement } from './statement-trace.js';

/** One answered request, for the page that lists the latest ones. */
export interface RecentRequest {
  readonly framework: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly statements: readonly TracedStatement[];
}

const most = 20;

/** The latest requests of both servers: the only way for a person to see who served a form that redirects. */
export class RecentRequests {
  readonly #requests: RecentRequest[] = [];

  /** The newest first. */
  list(): readonly RecentRequest[] {
    return this.#requests;
  }

  add(request: RecentRequest): void {
    this.#requests.unshift(request);
    if (this.#requests.length > most) this.#requests.pop();
  }
}
