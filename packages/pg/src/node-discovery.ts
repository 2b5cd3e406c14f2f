import { ReplicationError } from '@node-replicated/core';
import { runInScope } from '@node-replicated/core/adapter';
import { type ClusterEvents, compareNodes, Discovery, systemClock } from '@node-replicated/core/cluster';
import type { Discover } from './discover.js';
import { isSameNode, type NodeOptions, type NodeSettings, resolveNodes } from './node-options.js';
import type { PoolSettings } from './options.js';
import type { DiscoveryStatus } from './status.js';

/** What discovery needs from its cluster. */
export interface NodeListHooks {
  known(): readonly NodeSettings[];
  add(node: NodeSettings): void;
  remove(name: string): void;
  /** Whether something is missing that might be found. */
  isUrgent(): boolean;
}

/** Keeps the nodes of a cluster those that the option `discover` finds. */
export class NodeDiscovery {
  readonly #settings: PoolSettings;
  readonly #hooks: NodeListHooks;
  readonly #events: ClusterEvents;
  readonly #discovery: Discovery<readonly NodeOptions[]>;
  #foundAt: number | undefined;
  #error: ReplicationError | undefined;

  constructor(discover: Discover, settings: PoolSettings, events: ClusterEvents, hooks: NodeListHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#events = events;
    this.#discovery = new Discovery({
      ...settings,
      find: (signal) => discover({ signal }),
      clock: systemClock,
      onFound: (found) => this.#take(found),
      onFailed: (error) => this.#fail(error),
      isUrgent: hooks.isUrgent,
    });
  }

  /** Why the last look failed; undefined when it did not. */
  get error(): ReplicationError | undefined {
    return this.#error;
  }

  get status(): DiscoveryStatus {
    const foundMsAgo = this.#foundAt === undefined ? null : Math.round(systemClock.now() - this.#foundAt);
    return { foundMsAgo, error: this.#error?.message ?? null };
  }

  /** Looks for the first time, and settles when that has ended, however it ended. */
  start(): Promise<void> {
    return runInScope(undefined, () => this.#discovery.start());
  }

  /** A node, or the primary, was lost. Looks belong to no request, whoever asks for them. */
  hurry(): void {
    runInScope(undefined, () => this.#discovery.hurry());
  }

  close(): void {
    this.#discovery.close();
  }

  #take(found: readonly NodeOptions[]): void {
    const nodes = resolveNodes(this.#settings.discoveryBase, found);
    this.#foundAt = systemClock.now();
    this.#error = undefined;
    const { added, removed } = compareNodes(this.#hooks.known(), nodes, isSameNode);
    for (const name of removed) this.#hooks.remove(name);
    for (const node of added) this.#hooks.add(node);
    if (added.length === 0 && removed.length === 0) return;
    this.#events.publish('nodes-changed', {
      cluster: this.#settings.name,
      added: added.map(({ name }) => name),
      removed,
    });
  }

  #fail(cause: Error): void {
    const { name } = this.#settings;
    const failed = this.#error !== undefined;
    this.#error = new ReplicationError(
      'ERR_DISCOVERY',
      `The nodes of cluster '${name}' could not be found out: ${cause.message}`,
      { cause },
    );
    if (!failed) this.#events.publish('discovery-failed', { cluster: name, error: cause.message });
  }
}
