import type { HasReached, JoinPositions, Position } from '@node-replicated/core/cluster';

/** A point in a PostgreSQL primary's history. */
export interface PgPosition {
  /** `pg_control_system().system_identifier`, an unsigned 64-bit number. */
  readonly systemIdentifier: bigint;
  readonly timeline: number;
  /** A byte offset into the write-ahead log, an unsigned 64-bit number. */
  readonly lsn: bigint;
}

/** The number that PostgreSQL writes as two hexadecimal halves, such as `16/B374D848`. */
export function parseLsn(text: string): bigint {
  const [high, low] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** The headers of a page of the log, and of the first page of each of its files, in bytes. */
const pageHeader = 24n;
const fileHeader = 40n;

/**
 * Where the last record of the log ends, given where the next one will begin. The two differ when a record ends
 * exactly with a page: then the next one begins behind the next page's header, at a place that no standby reaches
 * before there is one (PostgreSQL, `src/backend/access/transam/xlog.c`, XLogBytePosToRecPtr).
 *
 * @param next `pg_current_wal_insert_lsn()`
 * @param fileBytes `wal_segment_size`
 * @param pageBytes `wal_block_size`
 */
export function endOfLastRecord(next: bigint, fileBytes: bigint, pageBytes: bigint): bigint {
  if (next % fileBytes === fileHeader) return next - fileHeader;
  return next % pageBytes === pageHeader ? next - pageHeader : next;
}

/** A position as a pin carries it: three numbers to the base 36. */
export function formatPosition({ systemIdentifier, timeline, lsn }: PgPosition): Position {
  return `${systemIdentifier.toString(36)}-${timeline.toString(36)}-${lsn.toString(36)}`;
}

/** Reads a position; undefined when it is not one of PostgreSQL's. */
export function parsePosition(position: Position): PgPosition | undefined {
  const [system, timeline, lsn, ...rest] = position.split('-');
  if (system === undefined || timeline === undefined || lsn === undefined || rest.length > 0)
    return undefined;
  const numbers = [fromBase36(system), fromBase36(timeline), fromBase36(lsn)] as const;
  const [systemIdentifier, timelineNumber, lsnNumber] = numbers;
  if (systemIdentifier === undefined || timelineNumber === undefined || lsnNumber === undefined)
    return undefined;
  if (timelineNumber > 0xffffffffn) return undefined;
  return { systemIdentifier, timeline: Number(timelineNumber), lsn: lsnNumber };
}

/**
 * How many bytes of the log lie between two positions; 0 where the one that should be behind is ahead.
 *
 * @returns undefined where they are not of one history, so that the difference says nothing
 */
export function bytesBehind(behind: Position, ahead: Position): number | undefined {
  const from = parsePosition(behind);
  const to = parsePosition(ahead);
  if (from === undefined || to === undefined) return undefined;
  if (from.systemIdentifier !== to.systemIdentifier || from.timeline !== to.timeline) return undefined;
  return from.lsn >= to.lsn ? 0 : Number(to.lsn - from.lsn);
}

/** The same history at another place; undefined when the position is not one of PostgreSQL's. */
export function atLsn(position: Position, lsn: bigint): Position | undefined {
  const known = parsePosition(position);
  return known === undefined ? undefined : formatPosition({ ...known, lsn });
}

/** A number of so many digits is exact in a float. */
const exactDigits = 10;
const exactPower = 36n ** BigInt(exactDigits);

function fromBase36(digits: string): bigint | undefined {
  if (!/^[0-9a-z]{1,13}$/.test(digits)) return undefined;
  const split = Math.max(digits.length - exactDigits, 0);
  const low = BigInt(Number.parseInt(digits.slice(split), 36));
  if (split === 0) return low;
  const value = BigInt(Number.parseInt(digits.slice(0, split), 36)) * exactPower + low;
  return value < 1n << 64n ? value : undefined;
}

/**
 * Whether a node at one position has everything up to another. A node on an older timeline has not, whatever
 * its LSN: what it has replayed may have been left behind by a promotion.
 */
export const hasReached: HasReached = (replayed, wanted) => {
  const have = parsePosition(replayed);
  const need = parsePosition(wanted);
  if (have === undefined || need === undefined) return false;
  return (
    have.systemIdentifier === need.systemIdentifier && have.timeline >= need.timeline && have.lsn >= need.lsn
  );
};

/**
 * The least position that has everything up to both of two: of the newer timeline, and as far as either. Where a
 * promotion has left behind what one of them names, that is further than need be, and never too little.
 */
export const joinPositions: JoinPositions = (a, b) => {
  if (a === b) return a;
  const one = parsePosition(a);
  const other = parsePosition(b);
  if (one === undefined || other === undefined) return undefined;
  if (one.systemIdentifier !== other.systemIdentifier) return undefined;
  return formatPosition({
    systemIdentifier: one.systemIdentifier,
    timeline: Math.max(one.timeline, other.timeline),
    lsn: (one.lsn > other.lsn ? one : other).lsn,
  });
};
