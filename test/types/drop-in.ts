import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import type pg from 'pg';

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Takes the word for it that something is so: where it is not, this does not compile. */
function holds<_ extends true>(): void {
  return undefined;
}

interface Note {
  readonly id: number;
  readonly text: string;
}

/** A pool stands wherever a `pg.Pool` is wanted. */
export const asPool = (pool: ReplicatedPool): pg.Pool => pool;

/** What configures a `pg.Pool` configures this one. */
export const asOptions = (config: pg.PoolConfig): ReplicatedPoolOptions => config;

/** A client stands wherever a `pg.PoolClient`, or any other client, is wanted. */
export const asClient = async (pool: ReplicatedPool): Promise<pg.PoolClient & pg.ClientBase> =>
  pool.connect();

/** The types of rows are those that the caller names, or whatever the caller takes them for. */
export async function rows(pool: ReplicatedPool): Promise<void> {
  const named = await pool.query<Note>('SELECT id, text FROM notes WHERE id = $1', [1]);
  holds<Same<typeof named, pg.QueryResult<Note>>>();
  // @ts-expect-error a column that the row does not have
  named.rows.map(({ missing }) => missing);

  const unnamed = await pool.query('SELECT id, text FROM notes');
  const notes: Note[] = unnamed.rows;
  holds<Same<typeof unnamed, Awaited<ReturnType<typeof plainly>>>>();

  const arrays = await pool.query<[number, string]>({ text: 'SELECT id, text FROM notes', rowMode: 'array' });
  holds<Same<typeof arrays, pg.QueryArrayResult<[number, string]>>>();

  const config: pg.QueryConfig<[number]> = { name: 'one', text: 'SELECT $1::int', values: [notes.length] };
  const configured = await pool.query<Note, [number]>(config);
  holds<Same<typeof configured.rows, Note[]>>();
}

const plainly = (pool: pg.Pool) => pool.query('SELECT id, text FROM notes');

/** The callback style gives nothing back. */
export function callbacks(pool: ReplicatedPool): void {
  const nothing = pool.query<Note>('SELECT 1', (_error, { rows: found }) => found.map(({ id }) => id));
  holds<Same<typeof nothing, void>>();
  pool.query<Note>('SELECT $1', [1], (_error, result) => holds<Same<typeof result, pg.QueryResult<Note>>>());
  pool.query<[number]>({ text: 'SELECT 1', rowMode: 'array' }, (_error, result) =>
    holds<Same<typeof result, pg.QueryArrayResult<[number]>>>(),
  );
  pool.connect((error, client, release) => {
    holds<Same<typeof error, Error | undefined>>();
    holds<Same<typeof client, pg.PoolClient | undefined>>();
    release(true);
    release(error);
    release();
  });
  pool.end(() => undefined);
}

/** A submittable comes back as what it is. */
export function submittables(pool: ReplicatedPool, cursor: pg.Submittable & { read(): void }): void {
  pool.query(cursor).read();
}

/** Events have the arguments of `pg`'s. */
export function events(pool: ReplicatedPool): void {
  pool.on('connect', (client) => holds<Same<typeof client, pg.PoolClient>>());
  pool.on('error', (error, client) => {
    holds<Same<typeof error, Error>>();
    holds<Same<typeof client, pg.PoolClient>>();
  });
  // @ts-expect-error an event that no pool has
  pool.on('unheard', () => undefined);
}

/** The counts are numbers that nobody sets. */
export function counts(pool: ReplicatedPool): readonly number[] {
  // @ts-expect-error it is counted
  pool.totalCount = 1;
  return [pool.totalCount, pool.idleCount, pool.waitingCount, pool.expiredCount];
}

/** A misspelt option, or one of another type, does not compile. */
export const wrong: readonly ReplicatedPoolOptions[] = [
  // @ts-expect-error there is no such option
  { maxLag: 1 },
  // @ts-expect-error a number is wanted
  { max: '10' },
  // @ts-expect-error no role of ours
  { onWriteInReplicaScope: 'ignore' },
];
