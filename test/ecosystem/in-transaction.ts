import type { Pool, PoolClient } from 'pg';

/** Runs a function inside a transaction of a client, which is undone when the function throws. */
export async function inTransaction(pool: Pool, fn: (client: PoolClient) => Promise<unknown>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await fn(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
