import { Agent } from 'node:http';
import { setTimeout as think } from 'node:timers/promises';
import type { Page } from './board.js';
import { type Answer, Browser } from './browser.js';
import type { History, Operation, Outcome } from './history.js';
import type { Item } from './items.js';
import { seededRandom } from './seeded-random.js';

export interface VisitOptions {
  /** Where the site is served; sessions are split between the addresses. */
  readonly urls: readonly string[];
  /** How many visitors there are. Each has two tabs, which share its cookies. */
  readonly sessions: number;
  readonly seed: number;
  readonly history: History;
  /** How likely it is that a visitor who looks around looks at what the first of them writes. @default 0 */
  readonly curiosity?: number;
  /** Whether visitors still write. */
  readonly busy: () => boolean;
  /** Whether each tab then stays until a replica has served it. @default true */
  readonly untilServedByReplica?: boolean;
  /** Whether visitors say who they are, and ask all addresses in turn. @default false */
  readonly named?: boolean;
  /** The longest pause, in ms, between two things that a tab does. @default 120 */
  readonly longestThinkMs?: number;
}

/** The header in which visitors say who they are. */
export const nameHeader = 'x-visitor';

/** What all tabs of a session have in common. */
interface Visitor {
  readonly session: string;
  readonly browser: Browser;
  /** One key per tab: only that tab writes it, so a key's versions follow each other. */
  readonly keys: readonly string[];
  /** What the first visitor writes. */
  readonly popular: readonly string[];
  readonly curiosity: number;
  /** How likely it is that the next step is a write; as a read follows it, 10 to 20 % of all are writes. */
  readonly writes: number;
  readonly longestThinkMs: number;
}

/** An idle primary writes something every 15 s, and some positions are reached only then. */
const longestReturnMs = 20_000;

/** Sends visitors to a site, and resolves when all of them have left. */
export async function visit(options: VisitOptions): Promise<void> {
  const { urls, sessions, seed, history, curiosity = 0, busy } = options;
  const { untilServedByReplica = true, longestThinkMs = 120, named = false } = options;
  const random = seededRandom(seed);
  const agent = new Agent({ keepAlive: true });
  try {
    const tabs = Array.from({ length: sessions }, (_, index) => {
      const session = sessionName(index);
      const visitor: Visitor = {
        session,
        browser: named
          ? new Browser(urls, agent, { [nameHeader]: session })
          : new Browser([urls[index % urls.length] ?? ''], agent),
        keys: keysOf(session),
        popular: keysOf(sessionName(0)),
        curiosity,
        // Whom others look at has something new most of the time.
        writes: curiosity > 0 && index === 0 ? 0.7 : 0.12 + 0.13 * random(),
        longestThinkMs,
      };
      return visitor.keys.map((key) => new Tab(visitor, key, seededRandom(random() * 2 ** 32), history));
    });
    await Promise.all(
      tabs.map(async (both) => {
        // Answers to requests that brought nothing cannot be told to be one client's (docs/consistency.md, "What is not").
        await both[0]?.arrive();
        await Promise.all(both.map((tab) => tab.stay(busy)));
        if (untilServedByReplica) await Promise.all(both.map((tab) => tab.stayUntilServedByReplica()));
      }),
    );
  } finally {
    agent.destroy();
  }
}

function sessionName(index: number): string {
  return `session-${index}`;
}

function keysOf(session: string): readonly string[] {
  return [`${session}/left`, `${session}/right`];
}

/** A tab of a visitor's browser: it does one thing after the other. */
class Tab {
  readonly #visitor: Visitor;
  readonly #key: string;
  readonly #random: () => number;
  readonly #history: History;
  #version = 0;

  constructor(visitor: Visitor, key: string, random: () => number, history: History) {
    this.#visitor = visitor;
    this.#key = key;
    this.#random = random;
    this.#history = history;
  }

  /** The first page, from which the other tab is opened. */
  async arrive(): Promise<void> {
    await this.#think();
    await this.#readAny();
  }

  async stay(busy: () => boolean): Promise<void> {
    await this.#think();
    while (busy()) {
      if (this.#random() < this.#visitor.writes) {
        await this.#write();
        await this.#read(this.#key);
      } else {
        await this.#readAny();
      }
      await this.#think();
    }
  }

  async stayUntilServedByReplica(): Promise<void> {
    const began = performance.now();
    while ((await this.#readAny()).node === 'primary') {
      if (performance.now() - began > longestReturnMs) {
        throw new Error(`${this.#visitor.session} has never been served by a replica again.`);
      }
      await this.#think();
    }
  }

  #think(): Promise<void> {
    return think(this.#random() * this.#visitor.longestThinkMs);
  }

  #write(): Promise<Operation> {
    this.#version += 1;
    const item: Item = { key: this.#key, n: this.#version };
    return this.#record(
      'write',
      this.#key,
      async () => {
        const { node, reason } = expectPage(await this.#visitor.browser.post('/items', item), 201);
        return { value: item.n, node, reason, failure: undefined };
      },
      item.n,
    );
  }

  /** What the other tab has written belongs to the session as well. */
  #readAny(): Promise<Operation> {
    const { keys: own, popular, curiosity } = this.#visitor;
    const keys = curiosity > 0 && this.#random() < curiosity ? popular : own;
    return this.#read(keys[Math.floor(this.#random() * keys.length)] ?? this.#key);
  }

  #read(key: string): Promise<Operation> {
    return this.#record('read', key, async () => {
      const path = `/items?key=${encodeURIComponent(key)}`;
      const { highest, node, reason } = expectPage(await this.#visitor.browser.get(path), 200);
      return { value: highest, node, reason, failure: undefined };
    });
  }

  #record(kind: Operation['kind'], key: string, act: () => Promise<Outcome>, value = 0): Promise<Operation> {
    const failed = (error: unknown): Outcome => {
      return { value, node: undefined, reason: undefined, failure: String(error) };
    };
    return this.#history.record({ session: this.#visitor.session, kind, key }, () => act().catch(failed));
  }
}

function expectPage({ status, body }: Answer, expected: number): Page {
  if (status !== expected) throw new Error(`${status}: ${body}`);
  return JSON.parse(body) as Page;
}
