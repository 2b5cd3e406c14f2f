import type { Expectation } from './scenario.js';
import { readServedBy, type ServedStatement, servedByHeader } from './served-by.js';
import type { Visit } from './visitor.js';

/** What one answer showed, and everything that is wrong with it. */
export interface Outcome {
  readonly status: number | undefined;
  /** Each statement's node and role by the word of its server, and the library's reason. */
  readonly served: readonly ServedBy[];
  readonly pinned: boolean;
  readonly faults: readonly string[];
}

export interface ServedBy {
  readonly node: string;
  readonly role: 'primary' | 'replica';
  readonly reason: string;
}

/** Knows the nodes without asking the library. */
export type NodeAtPort = (port: number) => string | undefined;

/** Judges an answer: the servers' testimony against the library's word, and both against what is expected. */
export function check(visit: Visit, expects: Expectation, nodeAt: NodeAtPort): Outcome {
  const statements = readServedBy(visit.headers.get(servedByHeader));
  const cookies = visit.headers.getSetCookie();
  const served = statements.map((statement) => byTestimony(statement, nodeAt));
  const pinned = cookies.some(isPin);
  const faults = [
    ...statements.flatMap((statement) => contradiction(statement, byTestimony(statement, nodeAt))),
    ...differs('status', visit.status, expects.status ?? 200),
    ...differs('served by', inWords(served), expects.served.join(', ') || 'nothing'),
    ...cookieFaults(cookies, expects.pins === true),
    ...(visit.body.includes(expects.shows ?? '') ? [] : [`the body does not show '${expects.shows}'`]),
    ...(expects.hides !== undefined && visit.body.includes(expects.hides)
      ? [`the body shows '${expects.hides}'`]
      : []),
  ];
  return { status: visit.status, served, pinned, faults };
}

/** The outcome of a request that got no answer to judge. */
export function unanswered(error: unknown): Outcome {
  const why = error instanceof Error ? `${error.message} ${error.cause ?? ''}`.trim() : String(error);
  return { status: undefined, served: [], pinned: false, faults: [`no answer to judge: ${why}`] };
}

function byTestimony({ port, standby, reason }: ServedStatement, nodeAt: NodeAtPort): ServedBy {
  return {
    node: nodeAt(port) ?? `port ${port}`,
    role: standby ? 'replica' : 'primary',
    reason: reason ?? 'unaccounted',
  };
}

/** What the library says of a statement, where the server that ran it says otherwise. */
function contradiction({ node, role }: ServedStatement, testimony: ServedBy): readonly string[] {
  if (node === testimony.node && role === testimony.role) return [];
  return [
    `replication.nodes says ${node ?? 'nothing'} (${role ?? ''}), the server was ${testimony.node} (${testimony.role})`,
  ];
}

function inWords(served: readonly ServedBy[]): string {
  const words = served.map(({ role, reason }) => `${role} ${reason}`);
  return words.filter((word, index) => word !== words[index - 1]).join(', ') || 'nothing';
}

function cookieFaults(cookies: readonly string[], pins: boolean): readonly string[] {
  if (!pins) return cookies.length === 0 ? [] : ['there is a Set-Cookie and should be none'];
  if (cookies.length === 1 && cookies.every(isPin)) return [];
  return ['there is no Set-Cookie that pins, or not only that'];
}

function isPin(cookie: string): boolean {
  return /^replication_pin=[^;]+;.*; HttpOnly; SameSite=Lax$/.test(cookie);
}

function differs(what: string, is: string | number, expected: string | number): readonly string[] {
  return is === expected ? [] : [`${what} ${is}, expected ${expected}`];
}
