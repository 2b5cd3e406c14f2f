/** The cookies, in the order in which they are read: that of writes, and that of what was only read. */
export const cookieNames = ['replication_pin', 'replication_pin_seen'] as const;

export type CookieName = (typeof cookieNames)[number];

/** What a client sends: one cookie of a name at most. */
export type Cookies = readonly TokenFacts[];

/** What is known of a token from how it was made, besides what it says itself. */
export interface TokenFacts {
  readonly token: string;
  readonly cookie: CookieName;
  /** The writes that its holder may not miss. */
  readonly bits: number;
  /** When its holder last wrote, and when it was last moved, by the clocks of the processes that did it; ms. */
  readonly at: number;
  readonly movedAt: number;
  readonly mark: 'position' | 'seen' | 'unknown';
  /** The cluster whose position it names; undefined where it names none. */
  readonly system: string | undefined;
  readonly timeline: number;
  readonly lsn: bigint;
  /** Of the cluster's own histories the one that it names; 0: none. */
  readonly history: number;
}

const shape = /^1\.([0-9a-z]+)(?:-([0-9a-z]+))?\.main:([+!]?)([0-9a-z]+-[0-9a-z]+-[0-9a-z]+)?\./;

/** Reads what a token says of the cluster. The format is stated here once more, apart from the code that makes it. */
export function readToken(token: string): Omit<TokenFacts, 'token' | 'cookie' | 'bits' | 'history'> {
  const match = shape.exec(token);
  if (match === null) throw new Error(`A token of another form was made: ${token}`);
  const [, wrote = '', moved = wrote, sign, position] = match;
  const at = Number.parseInt(wrote, 36);
  const mark = sign === '!' ? 'unknown' : sign === '+' ? 'seen' : 'position';
  const [system, timeline = '0', lsn = '0'] = position?.split('-') ?? [];
  return {
    at,
    movedAt: Math.max(at, Number.parseInt(moved, 36)),
    mark,
    system,
    timeline: Number.parseInt(timeline, 36),
    lsn: fromBase36(lsn),
  };
}

function fromBase36(digits: string): bigint {
  return [...digits].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
}

/**
 * Whether one token's position has not everything up to another's: its timeline is older, or it does not reach as far.
 * Those of two clusters cannot be compared.
 */
export function isBefore(next: TokenFacts, previous: TokenFacts): boolean {
  if (next.system !== previous.system && previous.system !== undefined) return next.system === undefined;
  return next.timeline < previous.timeline || next.lsn < previous.lsn;
}
