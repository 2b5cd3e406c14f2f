import type pg from 'pg';
import { selectItem } from './items-table.js';
import { openBare, openRouted, type Server } from './open-pools.js';
import { askPort } from './routing-check.js';

/** The servers whose items an application shows. */
export interface ItemServers {
  readonly primary: Server;
  /** Who is to serve. */
  readonly replica: Server;
}

/** Where the items come from that an application shows. */
export interface Items {
  find(id: string): Promise<object>;
  /** The port of the server that they come from. */
  port(): Promise<number>;
}

/** @param routed whether a `ReplicatedPool` is asked, or a `pg.Pool` on the replica */
export function openItems({ primary, replica }: ItemServers, routed: boolean): Items {
  const pool: pg.Pool = routed ? openRouted(primary, [replica]) : openBare(replica);
  return {
    async find(id) {
      const { rows } = await pool.query<{ id: number }>(selectItem, [id]);
      const [item] = rows;
      if (item === undefined) throw new Error(`There is no item ${id}.`);
      return item;
    },
    async port() {
      const { rows } = await askPort(pool);
      return rows[0]?.port ?? 0;
    },
  };
}

/** An item as an application shows it that has no database. */
export function itemWithout(id: string): object {
  return { id, name: `item number ${id}`, price: 977, tags: ['small', 'blue'] };
}
