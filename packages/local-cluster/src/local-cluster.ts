import { rm } from 'node:fs/promises';
import { type CatchUpOptions, waitForCatchUp } from './catch-up.js';
import type { CleanupGuard } from './cleanup.js';
import { LocalClusterError } from './errors.js';
import type { LocalNode } from './local-node.js';
import type { ServerNode } from './server-node.js';

/** A PostgreSQL primary with its streaming replicas, on this machine. */
export interface LocalCluster extends AsyncDisposable {
  /** The node that was started as primary, whatever it is now. */
  readonly primary: LocalNode;
  /** The nodes that were started as replicas, whatever they are now. */
  readonly replicas: readonly LocalNode[];
  /** All of them, `primary` first. */
  readonly nodes: readonly LocalNode[];
  /** `primary.url` */
  readonly url: string;
  /** The `url` of each of `replicas`. */
  readonly replicaUrls: readonly string[];
  /**
   * Waits until the replicas have replayed what the present primary has written so far. Left out are
   * those that are stopped, frozen or paused, those that follow no living node, and those whose
   * history has gone another way and that have to `follow()` somebody first.
   *
   * @throws LocalClusterError `ERR_CLUSTER_TIMEOUT`; `ERR_CLUSTER_STATE` when there is no primary
   */
  waitForCatchUp(options?: CatchUpOptions): Promise<void>;
  /** Kills all servers and removes all files. Works in any state; a second call gets the same promise. */
  stop(): Promise<void>;
}

interface ClusterParts {
  readonly folder: string;
  readonly guard: CleanupGuard;
  readonly primary: ServerNode;
  readonly replicas: readonly ServerNode[];
  /** Ends everything that the nodes are waiting for. */
  readonly closing: AbortController;
}

/** A cluster from the moment its folder is guarded, so that one that fails to start is stopped the same way. */
export class RunningCluster implements LocalCluster {
  readonly primary: ServerNode;
  readonly replicas: readonly ServerNode[];
  readonly nodes: readonly ServerNode[];
  readonly #parts: ClusterParts;
  #stopped: Promise<void> | undefined;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.primary = parts.primary;
    this.replicas = Object.freeze([...parts.replicas]);
    this.nodes = Object.freeze([parts.primary, ...parts.replicas]);
  }

  get url(): string {
    return this.primary.url;
  }

  get replicaUrls(): readonly string[] {
    return this.replicas.map(({ url }) => url);
  }

  waitForCatchUp(options?: CatchUpOptions): Promise<void> {
    return waitForCatchUp(this.nodes, options);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    const { closing, folder, guard } = this.#parts;
    closing.abort(new LocalClusterError('ERR_CLUSTER_STATE', 'The cluster has been stopped.'));
    try {
      await Promise.all(this.nodes.map((node) => node.destroy()));
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    } finally {
      // Its watchdog looks once more for processes and files before it ends.
      await guard.release();
    }
  }
}
