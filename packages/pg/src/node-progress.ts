import { type Clock, type NodeDescription, type Position, SharedTask } from '@node-replicated/core/cluster';
import { hasReached } from './lsn.js';
import type { PgProber } from './probe.js';

/** What a node's progress is seen with. */
export interface ProgressSources {
  readonly prober: PgProber;
  readonly clock: Clock;
  /** How long, in ms, a node is waited for that is asked what it has shown. */
  readonly timeoutMs: number;
  /** A look that took so many ms has shown how far the node has replayed. */
  readonly onReplayed: (position: Position, tookMs: number) => void;
}

/** How far a node has surely replayed: as its last probe has seen it, or a look since. */
export class NodeProgress {
  readonly #sources: ProgressSources;
  readonly #shown: SharedTask<Position | undefined>;
  #replayed: Position | undefined;
  #looking: Promise<void> | undefined;
  #silent = false;
  #description: NodeDescription | undefined;

  constructor(sources: ProgressSources) {
    this.#sources = sources;
    this.#shown = new SharedTask(() => this.#askShown());
  }

  get replayed(): Position | undefined {
    return this.#replayed;
  }

  /** Whether the node can be asked. One that did not answer is left alone until a probe has seen it again. */
  get tells(): boolean {
    return !this.#silent;
  }

  /** Takes over what a probe has seen. */
  observe(description: NodeDescription): void {
    if (description.observedAt !== this.#description?.observedAt) this.#silent = false;
    this.#description = description;
    this.#replayed = description.position;
  }

  /**
   * Looks how far the node has replayed. Whoever asks meanwhile gets the same look: what it shows is true, and the
   * next one would hardly show more.
   *
   * @param ms how long to wait for an answer
   */
  look(ms: number): Promise<void> {
    this.#looking ??= this.#askReplayed(ms).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** A position at or after everything that the node has shown by now: asked once for all who wait. */
  shown(): Promise<Position | undefined> {
    return this.#shown.ask();
  }

  async #askShown(): Promise<Position | undefined> {
    const before = this.#description;
    const { prober, timeoutMs } = this.#sources;
    const position = await prober.shownPosition(timeoutMs);
    this.#advance(position, before);
    return position;
  }

  async #askReplayed(ms: number): Promise<void> {
    const before = this.#description;
    const { prober, clock, onReplayed } = this.#sources;
    const asked = clock.now();
    const position = await prober.replayedPosition(ms);
    // Whatever was seen meanwhile is as new as this.
    if (this.#description !== before) return;
    this.#silent = position === undefined;
    this.#advance(position, before);
    if (position !== undefined) onReplayed(position, clock.now() - asked);
  }

  /** Takes over how far the node has come, unless it was described anew meanwhile: it may have gone back. */
  #advance(position: Position | undefined, before: NodeDescription | undefined): void {
    const isNews =
      position !== undefined && this.#replayed !== undefined && hasReached(position, this.#replayed);
    if (isNews && this.#description === before) this.#replayed = position;
  }
}
