import { type ClusterEventName, publish, type ReplicationEvents } from './events.js';

type Listener<N extends ClusterEventName> = (payload: ReplicationEvents[N]) => void;

/** Events that happen seldom enough to be counted here; statements are counted by their reasons. */
export type CountedEventName = Exclude<ClusterEventName, 'statement'>;

/** The events of one cluster: counted, put on the channels of the process, and told to those who listen here. */
export class ClusterEvents {
  readonly #listeners: { readonly [N in ClusterEventName]: Set<Listener<N>> } = {
    statement: new Set(),
    'late-write': new Set(),
    'write-in-replica-scope': new Set(),
    'fallback-to-primary': new Set(),
    'stale-read': new Set(),
    overloaded: new Set(),
    'dirty-release': new Set(),
    'node-changed': new Set(),
    'primary-changed': new Set(),
    'read-only-changed': new Set(),
    'node-rejected': new Set(),
    'primary-fenced': new Set(),
    'split-brain': new Set(),
    'nodes-changed': new Set(),
    'discovery-failed': new Set(),
  };
  readonly #counts = new Map<CountedEventName, number>();

  /** Whether anybody listens here to statements: asked before the event of one is made. */
  get hearsStatements(): boolean {
    return this.#listeners.statement.size > 0;
  }

  /** How often each event happened. */
  get counts(): Readonly<Partial<Record<CountedEventName, number>>> {
    return Object.fromEntries(this.#counts);
  }

  /**
   * Listens to one kind of event. What a listener throws reaches nobody but `process.on('uncaughtException')`, as
   * on a channel.
   *
   * @returns a function that stops listening
   */
  on<N extends ClusterEventName>(name: N, listener: Listener<N>): () => void {
    // Each call counts by itself, also the second one with the same function.
    const relay: Listener<N> = (payload) => listener(payload);
    const listeners: Set<Listener<N>> = this.#listeners[name];
    listeners.add(relay);
    return () => {
      listeners.delete(relay);
    };
  }

  /** Counts an event, and tells everybody. */
  publish<N extends CountedEventName>(name: N, payload: ReplicationEvents[N]): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    publish(name, payload);
    this.tell(name, payload);
  }

  /** Tells those who listen here, and nobody else. */
  tell<N extends ClusterEventName>(name: N, payload: ReplicationEvents[N]): void {
    const listeners: ReadonlySet<Listener<N>> = this.#listeners[name];
    if (listeners.size === 0) return;
    for (const listener of [...listeners]) {
      try {
        listener(payload);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}
