import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type CleanupGuard,
  childrenOf,
  freePort,
  guardFolder,
  listProcesses,
  makeClusterFolder,
  newClusterFolder,
  removeRemains,
  sendSignal,
  unprivilegedUser,
  waitUntil,
} from '@node-replicated/local-cluster/programs';
import pg from 'pg';
import { spawnProgram } from '../spawn-program.js';
import { dataFolder, type MemberPlace, patroniConfig } from './patroni-config.js';
import type { PatroniPrograms } from './patroni-packages.js';

/** A member as Patroni shows it. */
export interface ShownMember {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

/** A Patroni cluster of three on this machine, with an etcd of its own. */
export class PatroniCluster implements AsyncDisposable {
  readonly #programs: PatroniPrograms;
  readonly #folder: string;
  readonly #guard: CleanupGuard;
  readonly #places: readonly MemberPlace[];
  readonly #patronis = new Map<string, ChildProcess>();

  private constructor(programs: PatroniPrograms, folder: string, places: readonly MemberPlace[]) {
    this.#programs = programs;
    this.#folder = folder;
    this.#places = places;
    this.#guard = guardFolder(folder);
  }

  /** Starts etcd and three members, and waits until one leads, and another one is its synchronous standby. */
  static async start(programs: PatroniPrograms): Promise<PatroniCluster> {
    const folder = newClusterFolder();
    const [etcdPort, peerPort] = [await freePort(), await freePort()];
    const common = { folder, scope: basename(folder), binFolder: programs.postgres, etcdPort };
    const places: MemberPlace[] = [];
    for (const name of ['pg-1', 'pg-2', 'pg-3']) {
      places.push({ name, restPort: await freePort(), port: await freePort(), ...common });
    }
    const cluster = new PatroniCluster(programs, folder, places);
    try {
      await makeClusterFolder(folder, unprivilegedUser());
      cluster.#startEtcd(etcdPort, peerPort);
      for (const { name } of places) cluster.startMember(name);
      await cluster.isWhole(90_000);
      return cluster;
    } catch (error) {
      const logs = ['etcd', ...places.map(({ name }) => name)].map((name) => cluster.#logTail(name));
      await cluster[Symbol.asyncDispose]();
      throw new Error(`The Patroni cluster did not start.\n${logs.join('\n')}`, { cause: error });
    }
  }

  /** The addresses of the REST interfaces. */
  get restUrls(): readonly string[] {
    return this.#places.map(({ restPort }) => `http://127.0.0.1:${restPort}`);
  }

  /** The ports of the servers, by member. */
  get ports(): ReadonlyMap<string, number> {
    return new Map(this.#places.map(({ name, port }) => [name, port]));
  }

  /** What the members say, asked of any that answers. */
  async members(): Promise<readonly ShownMember[]> {
    for (const url of this.restUrls) {
      try {
        const response = await fetch(`${url}/cluster`, { signal: AbortSignal.timeout(2_000) });
        const { members } = (await response.json()) as { readonly members: readonly ShownMember[] };
        return members;
      } catch {
        // The next one may answer.
      }
    }
    return [];
  }

  async nameOf(role: 'leader' | 'sync_standby'): Promise<string | undefined> {
    return (await this.members()).find((member) => member.role === role)?.name;
  }

  /** Waits until there are a leader, a synchronous standby, and as many running members as are started. */
  async isWhole(timeoutMs = 60_000): Promise<void> {
    const check = async (): Promise<boolean> => {
      const members = await this.members();
      const running = members.filter(({ state }) => state === 'running' || state === 'streaming');
      const has = (role: string): boolean => running.some((member) => member.role === role);
      return has('leader') && has('sync_standby') && running.length === this.#patronis.size;
    };
    await waitUntil(check, { what: 'the Patroni cluster to be whole', timeoutMs, everyMs: 100 });
  }

  startMember(name: string): void {
    const place = this.#place(name);
    const file = join(this.#folder, `${name}.json`);
    writeFileSync(file, patroniConfig(place), { mode: 0o644 });
    this.#patronis.set(name, spawnProgram(this.#folder, name, this.#programs.patroni, [file]));
  }

  /** `kill -9` of a member's Patroni, and of its PostgreSQL with all its processes. */
  async killMember(name: string): Promise<void> {
    const patroni = this.#patronis.get(name)?.pid;
    const postmaster = Number(
      readFileSync(join(dataFolder(this.#place(name)), 'postmaster.pid'), 'utf8').split('\n')[0],
    );
    if (patroni === undefined || !(postmaster > 1)) throw new Error(`${name} is not running.`);
    this.#patronis.delete(name);
    sendSignal(postmaster, 'SIGSTOP');
    const family = [patroni, postmaster].flatMap((pid) => [
      pid,
      ...childrenOf(pid, listProcesses()).map((child) => child.pid),
    ]);
    for (const pid of family) sendSignal(pid, 'SIGKILL');
    const isGone = (): boolean => !listProcesses().some(({ pid }) => family.includes(pid));
    await waitUntil(isGone, { what: `${name} to be gone`, timeoutMs: 10_000 });
  }

  /** Asks Patroni to hand the lead over, and gives its answer. */
  async switchover(leader: string, candidate: string): Promise<string> {
    const { restPort } = this.#place(leader);
    const response = await fetch(`http://127.0.0.1:${restPort}/switchover`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ leader, candidate }),
    });
    return `${response.status} ${await response.text()}`;
  }

  /** Runs statements as the superuser on a member. */
  async query<R extends pg.QueryResultRow>(name: string, text: string): Promise<pg.QueryResult<R>> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.#place(name).port,
      user: 'postgres',
      database: 'postgres',
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.query<R>(text);
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of this.#patronis.values()) if (pid !== undefined) sendSignal(pid, 'SIGKILL');
    removeRemains(this.#folder);
    await this.#guard.release();
  }

  #startEtcd(port: number, peerPort: number): void {
    const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
    spawnProgram(this.#folder, 'etcd', this.#programs.etcd, [
      ...['--name', 'one', '--data-dir', join(this.#folder, 'etcd')],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `one=${peer}`],
    ]);
  }

  #place(name: string): MemberPlace {
    const place = this.#places.find((one) => one.name === name);
    if (place === undefined) throw new Error(`There is no member ${name}.`);
    return place;
  }

  #logTail(name: string): string {
    try {
      const lines = readFileSync(join(this.#folder, `${name}.log`), 'utf8')
        .trimEnd()
        .split('\n');
      return `The log of ${name} ends with:\n${lines.slice(-20).join('\n')}`;
    } catch {
      return `${name} has no log.`;
    }
  }
}
