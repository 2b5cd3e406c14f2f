import type pg from 'pg';
import { itemId, selectItem } from './items-table.js';

/** Runs the statement of a turn. A routed and a bare pool are asked in the very same way. */
export type Statement = (pool: pg.Pool, turn: number) => Promise<void>;

const byPrimaryKey: Statement = async (pool, turn) => {
  const id = itemId(turn);
  const { rows } = await pool.query<{ id: number }>(selectItem, [id]);
  if (rows[0]?.id !== id) throw new Error(`The look-up of item ${id} found ${JSON.stringify(rows)}.`);
};

const selectOne: Statement = async (pool) => {
  const { rows } = await pool.query<{ one: number }>('SELECT 1 AS one');
  if (rows[0]?.one !== 1) throw new Error(`SELECT 1 answered ${JSON.stringify(rows)}.`);
};

export const statements: { readonly byPrimaryKey: Statement; readonly selectOne: Statement } = {
  byPrimaryKey,
  selectOne,
};
