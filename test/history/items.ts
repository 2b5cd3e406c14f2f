import type { ReplicatedPool } from '@node-replicated/pg';

/** What a visitor posts: the next version of a key. */
export interface Item {
  readonly key: string;
  readonly n: number;
}

/** Where versions of keys are kept. */
export interface Items {
  /** The newest version of a key, 0 when there is none. */
  newest(key: string): Promise<number>;
  insert(item: Item): Promise<void>;
}

export const newestSql = 'SELECT max(n) AS highest FROM item WHERE key = $1';
export const insertSql = 'INSERT INTO item (key, n) VALUES ($1, $2)';

/** Keeps them in the table that `makeTable` makes. */
export function itemsIn(pool: ReplicatedPool): Items {
  return {
    async newest(key) {
      const { rows } = await pool.query<{ highest: number | null }>(newestSql, [key]);
      return rows[0]?.highest ?? 0;
    },
    async insert({ key, n }) {
      await pool.query(insertSql, [key, n]);
    },
  };
}
