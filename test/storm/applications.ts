import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '@node-replicated/local-cluster';
import type { PoolStatus } from '@node-replicated/pg';
import { eventually } from '../integration/stage.js';
import { frameworks } from './application.js';
import { ApplicationChild } from './application-child.js';
import type { Breakage } from './broken-items.js';

/** A busy machine may take long to notice something. */
const patienceMs = 45_000;

/** One application on each framework. */
export class Applications implements AsyncDisposable {
  readonly children: readonly ApplicationChild[];

  private constructor(children: readonly ApplicationChild[]) {
    this.children = children;
  }

  /** Starts them, as an application's user of the database. */
  static async start(
    cluster: LocalCluster,
    program: URL,
    breakage: Breakage | undefined,
  ): Promise<Applications> {
    const nodes = cluster.nodes.map(({ name, port }) => {
      return { name, connectionString: `postgresql://app@127.0.0.1:${port}/postgres` };
    });
    const children: ApplicationChild[] = [];
    const applications = new Applications(children);
    try {
      for (const framework of frameworks) {
        children.push(await ApplicationChild.start(program, { framework, nodes, breakage }));
      }
      return applications;
    } catch (error) {
      await applications[Symbol.asyncDispose]();
      throw error;
    }
  }

  get urls(): readonly string[] {
    return this.children.map(({ url }) => url);
  }

  statuses(): Promise<readonly PoolStatus[]> {
    return Promise.all(this.children.map((child) => child.status()));
  }

  /** Waits until something holds for each of them. */
  async see(what: string, holds: (status: PoolStatus) => boolean): Promise<void> {
    let statuses: readonly PoolStatus[] = [];
    const look = async (): Promise<boolean> => {
      statuses = await this.statuses();
      if (statuses.every(holds)) return true;
      await sleep(40);
      return false;
    };
    await eventually(`each application sees that ${what}`, look, patienceMs).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(statuses)}`, { cause: error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.children.map((child) => child[Symbol.asyncDispose]()));
  }
}
