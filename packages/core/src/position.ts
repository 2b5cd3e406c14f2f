/**
 * A point in a primary's history, in the words of its engine: PostgreSQL's system identifier, timeline and LSN,
 * or a GTID set. Everything above the engine only keeps it and hands it back. It consists of letters, digits
 * and `-`, so that it can stand in a cookie.
 */
export type Position = string;

/** What a position may consist of, and how long it may be. */
export const positionPattern: RegExp = /^[A-Za-z0-9-]{1,64}$/;

/** Whether a node that has replayed one position has everything up to another. Unsure means no. */
export type HasReached = (replayed: Position, wanted: Position) => boolean;

/**
 * The least position that has everything up to both of two: also where promotions have parted their histories, so
 * that neither has reached the other. Undefined where that cannot be told.
 */
export type JoinPositions = (a: Position, b: Position) => Position | undefined;
