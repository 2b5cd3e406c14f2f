import type { Clock, MonitorSettings } from '@node-replicated/core/cluster';
import { Door } from './door.js';
import { nodeFailure } from './node-failure.js';
import type { Doorkeeper } from './open-client.js';

/** Keeps the door of a node, for all its pools, and tells once of a server that lets nobody in. */
export class NodeDoor implements Doorkeeper {
  readonly #settings: MonitorSettings;
  readonly #clock: Clock;
  readonly #onRejected: (error: Error) => void;
  readonly #door = new Door();
  #toldRejected = false;

  /** @param onRejected told once until somebody was let in again */
  constructor(settings: MonitorSettings, clock: Clock, onRejected: (error: Error) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#onRejected = onRejected;
  }

  refusal(): Error | undefined {
    return this.#door.refusal(this.#clock.now());
  }

  onTried(error: Error | undefined): void {
    if (error === undefined) return this.letIn();
    const failure = nodeFailure(error);
    if (failure !== 'rejected' && failure !== 'full') return this.#door.open();
    const { probeIntervalMs, downtimeMs } = this.#settings;
    const pause = (failure === 'full' ? probeIntervalMs : downtimeMs) * (0.9 + 0.2 * this.#clock.random());
    this.#door.close(error, this.#clock.now() + pause);
    if (failure === 'rejected') this.reject(error);
  }

  /** The server lets in who connects. */
  letIn(): void {
    this.#door.open();
    this.#toldRejected = false;
  }

  /** The server lets nobody in. Probes and statements may meet the same rejection. */
  reject(error: Error): void {
    if (this.#toldRejected) return;
    this.#toldRejected = true;
    this.#onRejected(error);
  }
}
