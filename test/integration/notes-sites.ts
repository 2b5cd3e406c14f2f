import type { LocalCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import type { Pages, Reply, Visit } from './sites.js';
import { eventually } from './stage.js';

/** What a page of notes shows. */
export interface NotesPage {
  /** How many notes of the wanted text there are. */
  readonly count: number;
  /** Where that was read, and why there, such as `replica caught-up`. */
  readonly from: string;
}

/** Pages that write notes, count them, or ask no database. `pool` is asked for at each request. */
export function notesPages(pool: () => ReplicatedPool): Required<Pages> {
  return {
    pages: {
      'GET /notes': ({ headers, replication }) => countNotes(pool(), String(headers['x-text']), replication),
      'POST /notes': async ({ headers, replication }) => {
        await pool().query('INSERT INTO notes (body) VALUES ($1)', [headers['x-text']]);
        return { count: 0, from: fromOf(replication) };
      },
      'GET /about': () => ({ about: 'notes' }),
    },
    raw: {},
  };
}

/** Counts the notes of a text. */
export async function countNotes(
  pool: ReplicatedPool,
  text: string,
  replication: Visit['replication'],
): Promise<NotesPage> {
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM notes WHERE body = $1', [text]);
  return { count: rows[0]?.count, from: fromOf(replication) };
}

/** What a reply shows. */
export function shown({ status, body }: Reply): NotesPage {
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body as NotesPage;
}

/** Until {@link goOn}, no replica shows what is written. */
export async function standStill({ replicas }: LocalCluster): Promise<void> {
  await Promise.all(replicas.map((replica) => replica.pauseReplay()));
}

/** Undoes {@link standStill}. */
export async function goOn(cluster: LocalCluster): Promise<void> {
  await Promise.all(cluster.replicas.map((replica) => replica.resumeReplay()));
  await cluster.waitForCatchUp();
}

/** Waits until a replica is known to have what a client has written: on a busy machine a look takes its time. */
export async function returnsToReplica(read: () => Promise<unknown>, count: number): Promise<void> {
  await eventually('a replica serves the client', async () => {
    const page = (await read()) as NotesPage;
    if (page.count !== count) throw new Error(`${page.count} notes were shown from the ${page.from}`);
    return page.from === 'replica caught-up';
  });
}

/** For pools whose nodes must not count as lost although the machine is busy. */
export const patient = { probeTimeoutMs: 5_000 } as const;

let made = 0;

/** A text that no other test has used. */
export function newText(): string {
  made += 1;
  return `note ${made}`;
}

function fromOf({ nodes }: Visit['replication']): string {
  const last = nodes.at(-1);
  return `${last?.role} ${last?.reason}`;
}
