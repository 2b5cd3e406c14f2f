/**
 * Keeps pools from knocking again and again at a server that lets nobody in: after a refusal new connections fail
 * at once with the same error, until a pause is over. Then one tries it for all. Connections that are open are not
 * concerned.
 */
export class Door {
  #refusal: Error | undefined;
  #opensAt = 0;
  #tried = false;

  /**
   * The error with which a new connection has to fail; undefined: it may be tried, and what comes of it is to be
   * told.
   *
   * @param now ms of a clock that never jumps
   */
  refusal(now: number): Error | undefined {
    if (this.#refusal === undefined) return undefined;
    if (this.#tried || now < this.#opensAt) return copyOf(this.#refusal);
    this.#tried = true;
    return undefined;
  }

  /**
   * A connection was refused.
   *
   * @param until when the next one may try, in ms of the same clock
   */
  close(error: Error, until: number): void {
    this.#refusal = error;
    this.#opensAt = until;
    this.#tried = false;
  }

  /** A connection was let in, or has failed for a reason that the next one need not meet. */
  open(): void {
    this.#refusal = undefined;
    this.#tried = false;
  }
}

/** Each of those who are refused gets an error of their own. */
function copyOf(error: Error): Error {
  return Object.create(Object.getPrototypeOf(error), Object.getOwnPropertyDescriptors(error)) as Error;
}
