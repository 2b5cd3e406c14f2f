/**
 * Values that come and go, all the time and in no order. Unlike a `Set`, whose tables are made anew again and again and
 * keep one another from being collected, it allocates nothing once it is large enough.
 */
export class Slots<T> {
  readonly #values: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** @returns the slot in which the value is */
  add(value: T): number {
    const slot = this.#free.pop() ?? this.#values.length;
    this.#values[slot] = value;
    return slot;
  }

  /**
   * Takes a value out of its slot.
   *
   * @returns whether it was still there
   */
  remove(slot: number, value: T): boolean {
    if (this.#values[slot] !== value) return false;
    this.#values[slot] = undefined;
    this.#free.push(slot);
    return true;
  }

  /** Takes all values out. */
  clear(): readonly T[] {
    const values = this.#values.filter((value) => value !== undefined);
    this.#values.length = 0;
    this.#free.length = 0;
    return values;
  }
}
