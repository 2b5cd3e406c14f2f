import type { Clock, MonitorSettings, Timer } from '@node-replicated/core/cluster';

/** Counts what a node's readers are working on, and notices when none of that is answered for a while. */
export class Silence {
  readonly #settings: MonitorSettings;
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #busy = 0;
  #answers = 0;
  #silences = 0;
  #listening: Timer | undefined;
  #closed = false;

  constructor(settings: MonitorSettings, clock: Clock, onSilence: () => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /** How many statements and leases there are. */
  get busy(): number {
    return this.#busy;
  }

  set busy(value: number) {
    if (value < this.#busy) this.#answers += 1;
    this.#busy = value;
    if (value > 0) this.#listen();
  }

  close(): void {
    this.#closed = true;
    this.#listening?.clear();
  }

  /** The longer nothing is answered, the less often it is told. */
  #listen(): void {
    if (this.#listening !== undefined || this.#closed) return;
    const { probeIntervalMs, probeTimeoutMs } = this.#settings;
    const answers = this.#answers;
    const pause = Math.min((probeTimeoutMs / 4) * 2 ** this.#silences, probeIntervalMs);
    this.#listening = this.#clock.after(pause, () => {
      this.#listening = undefined;
      if (this.#busy === 0) return;
      const isSilent = this.#answers === answers;
      this.#silences = isSilent ? Math.min(this.#silences + 1, 20) : 0;
      if (isSilent) this.#onSilence();
      this.#listen();
    });
  }
}
