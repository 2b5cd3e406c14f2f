import pg from 'pg';
import { replayedQuestion, rightsQuestion } from '../../src/probe-question.js';
import type { SimServer } from './sim-server.js';

/** What was asked, as far as the simulated servers understand it. */
export type Question =
  | { readonly kind: 'rights' | 'observe' | 'replayed' | 'written' | 'proof' | 'read' }
  | { readonly kind: 'write'; readonly id: number };

interface Field {
  readonly name: string;
  readonly oid: number;
  readonly value: string | null;
}

/** What a server says to it. */
export interface Answer {
  readonly error: pg.DatabaseError | undefined;
  readonly fields: readonly Field[];
  readonly command: string;
}

/** The application's own statements. */
export const readText = 'SELECT everything';
export const writeText = (id: number): string => `UPDATE something SET write = ${id}`;
export const hiddenWriteText = (id: number): string => `SELECT write_by_function(${id})`;

const bool = 16;
const int4 = 23;
const text = 25;
const pageBytes = 8_192n;
const fileBytes = 16_777_216n;

/** @throws an Error for a text that no simulated server understands */
export function questionOf(statement: string): Question {
  if (statement === readText) return { kind: 'read' };
  if (statement === rightsQuestion) return { kind: 'rights' };
  if (statement === replayedQuestion) return { kind: 'replayed' };
  const write = /^(?:UPDATE something SET write = |SELECT write_by_function\()(\d+)/.exec(statement);
  if (write !== null) return { kind: 'write', id: Number(write[1]) };
  if (statement.includes('AS read_only')) return { kind: 'proof' };
  if (statement.includes('AS streaming')) return { kind: 'observe' };
  if (statement.includes('AS file_bytes')) return { kind: 'written' };
  throw new Error(`The simulation has no answer to: ${statement}`);
}

/** What a server answers at this moment. A write is still to be carried out. */
export function answerTo(question: Question, server: SimServer, readOnly: boolean): Answer {
  switch (question.kind) {
    case 'rights':
      return rights;
    case 'read':
      return row('SELECT 1', [{ name: 'visible', oid: int4, value: String(server.visible) }, ...at(server)]);
    case 'write':
      if (server.standby || readOnly)
        return refusal('25006', 'cannot execute UPDATE in a read-only transaction');
      return row('UPDATE 1', at(server));
    case 'proof':
      return row('SELECT 1', [
        standby(server),
        { name: 'read_only', oid: text, value: readOnly ? 'on' : 'off' },
        { name: 'timeline', oid: text, value: server.standby ? null : String(server.branch.timeline) },
      ]);
    case 'observe':
      return row('SELECT 1', [
        standby(server),
        ...position(server),
        { name: 'streaming', oid: text, value: server.standby ? String(server.follows !== undefined) : null },
      ]);
    case 'replayed':
      return row('SELECT 1', [
        standby(server),
        { name: 'lsn', oid: text, value: server.standby ? lsnText(server.end) : null },
      ]);
    case 'written':
      if (server.standby) return refusal('55000', 'recovery is in progress');
      return row('SELECT 1', position(server));
  }
}

function standby(server: SimServer): Field {
  return { name: 'standby', oid: bool, value: server.standby ? 't' : 'f' };
}

/** Which server answers, and out of which history. */
function at({ name, branch }: SimServer): readonly Field[] {
  return [
    { name: 'server', oid: text, value: name },
    { name: 'history', oid: int4, value: String(branch.timeline) },
    { name: 'rival', oid: bool, value: branch.rival ? 't' : 'f' },
  ];
}

function position(server: SimServer): readonly Field[] {
  return [
    { name: 'file_bytes', oid: text, value: String(fileBytes) },
    { name: 'page_bytes', oid: text, value: String(pageBytes) },
    { name: 'system', oid: text, value: server.system },
    { name: 'lsn', oid: text, value: lsnText(server.standby ? server.end : nextRecord(server.end)) },
    { name: 'timeline', oid: text, value: String(server.branch.timeline) },
  ];
}

/** Where the next record begins: behind the header of its page. */
function nextRecord(end: bigint): bigint {
  if (end % fileBytes === 0n) return end + 40n;
  return end % pageBytes === 0n ? end + 24n : end;
}

function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}

const rights = row('SELECT 1', [
  { name: 'name', oid: text, value: 'simulated' },
  ...['statistics', 'system', 'recovery', 'checkpoint'].map((name) => ({ name, oid: bool, value: 't' })),
]);

function row(command: string, fields: readonly Field[]): Answer {
  return { error: undefined, fields, command };
}

function refusal(code: string, message: string): Answer {
  const error = new pg.DatabaseError(message, message.length, 'error');
  return { error: Object.assign(error, { code }), fields: [], command: '' };
}
