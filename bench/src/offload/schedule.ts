/** What a visitor does next. */
export interface Step {
  /** How many ms pass before. */
  readonly thinkMs: number;
  /** Whether a write goes before the read. */
  readonly writes: boolean;
  /** How many reads are made at once. */
  readonly reads: number;
}

const meanThinkMs = 150;
/** One that thinks for longer than this, in ms, has left. */
const longestThinkMs = 1_500;
const writeShare = 0.1;
const pairShare = 0.2;

/** The steps of one visitor: the same ones for every policy. */
export class Schedule {
  #state: number;

  constructor(visitor: number) {
    // Neighbouring numbers have to become seeds that are far apart, and none may be 0.
    this.#state = Math.imul(visitor + 1, 0x9e3779b1) | 1;
  }

  next(): Step {
    const thinkMs = Math.min(-meanThinkMs * Math.log(1 - this.#random()), longestThinkMs);
    return { thinkMs, writes: this.#random() < writeShare, reads: this.#random() < pairShare ? 2 : 1 };
  }

  /** From 0 up to 1. The generator is xorshift32: G. Marsaglia, "Xorshift RNGs", section 3. */
  #random(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }
}
