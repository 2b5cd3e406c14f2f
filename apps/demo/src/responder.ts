import type { NodeUse } from '@node-replicated/core';
import { html } from './html.js';
import { layout } from './layout.js';
import { type Answer, type Handler, type Page, textFields } from './message.js';
import type { RecentRequests } from './recent-requests.js';
import { servedByHeader, writeServedBy } from './served-by.js';
import { StatementTrace, type TracedStatement, withTrace } from './statement-trace.js';

/** What a framework hands over of a request. */
export interface Incoming {
  readonly framework: string;
  readonly method: string;
  readonly path: string;
  readonly params: unknown;
  readonly body: unknown;
  /** The header `Sec-Fetch-Site`, in which a browser tells whose page sent the request. */
  readonly fetchSite: string | undefined;
  readonly replication: { readonly nodes: readonly NodeUse[] };
}

/** What a framework is to send. */
export interface Outgoing {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // A page shows how this very request was served.
  'cache-control': 'no-store',
};

/** Turns requests into answers, the same way for every framework. */
export class Responder {
  readonly #recent: RecentRequests;

  constructor(recent: RecentRequests) {
    this.#recent = recent;
  }

  /** Runs a handler; it never rejects, as what is thrown becomes a page. */
  async respond(handler: Handler, incoming: Incoming): Promise<Outgoing> {
    const { framework, method, path } = incoming;
    const trace = new StatementTrace(() => incoming.replication.nodes);
    const answer = await withTrace(trace, () => answerTo(handler, incoming));
    const outgoing = write(answer, framework, trace.statements);
    this.#recent.add({ framework, method, path, status: outgoing.status, statements: trace.statements });
    return outgoing;
  }
}

async function answerTo(handler: Handler, { params, body, method, fetchSite }: Incoming): Promise<Answer> {
  const reads = method === 'GET' || method === 'HEAD';
  if (!reads && fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none')
    return forbidden;
  try {
    return await handler({ params: textFields(params), form: textFields(body) });
  } catch (error) {
    return failure(error);
  }
}

function write(answer: Answer, framework: string, statements: readonly TracedStatement[]): Outgoing {
  const served = { [servedByHeader]: writeServedBy(statements) };
  switch (answer.kind) {
    case 'page': {
      const body = layout(answer, framework, statements).toString();
      return { status: answer.status ?? 200, headers: { ...pageHeaders, ...served }, body };
    }
    case 'redirect':
      return { status: 303, headers: { ...pageHeaders, ...served, location: answer.to }, body: '' };
    case 'json': {
      const headers = { ...pageHeaders, ...served, 'content-type': 'application/json' };
      return { status: 200, headers, body: JSON.stringify(answer.value, undefined, 2) };
    }
  }
}

const forbidden: Page = {
  kind: 'page',
  status: 403,
  title: 'Refused',
  body: html`<p>This form was sent by a page of another site.</p>`,
};

/** A client's mistake and a missing database keep their status; all else is ours, and its words stay in the log. */
function failure(error: unknown): Page {
  const status = statusOf(error);
  if (status === 500) console.error(error);
  const [title, text] =
    status === 503
      ? ['Not now', 'No database server can take this request. Try again in a moment.']
      : ['This went wrong', 'The request could not be answered.'];
  return { kind: 'page', status, title, body: html`<p>${text}</p>` };
}

/** The errors of Express, of Fastify and of this library all carry the status that they stand for. */
function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 600 ? statusCode : 500;
}
