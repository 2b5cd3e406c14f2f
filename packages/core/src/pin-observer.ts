/**
 * Who is told when a request is about to move its client's pin. An object, as a function that each request makes for
 * itself costs far more than its few bytes.
 */
export interface PinObserver {
  pinMoves(): void;
}
