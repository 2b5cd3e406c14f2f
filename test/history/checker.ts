import type { Operation } from './history.js';

/** A version of a key in the final state, and how often it is there. */
export interface StoredVersion {
  readonly key: string;
  readonly value: number;
  readonly copies: number;
}

/** A read that saw less than its session had a right to. */
export interface ShortRead {
  readonly read: Operation;
  /** The operation of the same session, ended before the read began, whose version the read misses. */
  readonly missed: Operation;
}

/** What a history violates. */
export interface Violations {
  /** Reads that began after a write of their session was acknowledged, and miss it. */
  readonly readYourWrites: readonly ShortRead[];
  /** Reads that saw an older version than an earlier read of their session. */
  readonly monotonicReads: readonly ShortRead[];
  /** Writes that were acknowledged, and are not in the final state. */
  readonly lostWrites: readonly Operation[];
  /** Versions that are in the final state more than once. */
  readonly doubledWrites: readonly StoredVersion[];
}

/** Finds what a history violates, given what the primary holds once all of it has ended. */
export function check(history: readonly Operation[], finalState: readonly StoredVersion[]): Violations {
  const succeeded = history.filter(({ failure }) => failure === undefined);
  const writes = succeeded.filter(({ kind }) => kind === 'write');
  const reads = succeeded.filter(({ kind }) => kind === 'read');
  const stored = new Set(finalState.map(identity));
  return {
    readYourWrites: shortReads(reads, writes),
    monotonicReads: shortReads(reads, reads),
    lostWrites: writes.filter((write) => !stored.has(identity(write))),
    doubledWrites: finalState.filter(({ copies }) => copies > 1),
  };
}

/** The reads that miss the newest version which their session knew of before they began. */
function shortReads(reads: readonly Operation[], known: readonly Operation[]): readonly ShortRead[] {
  const knownOf = bySubject(known);
  return reads.flatMap((read) => {
    const missed = newestBefore(read.start, knownOf.get(subject(read)) ?? []);
    return missed !== undefined && missed.value > read.value ? [{ read, missed }] : [];
  });
}

/** What is under way at that moment binds nobody: only what has ended before. */
function newestBefore(start: number, operations: readonly Operation[]): Operation | undefined {
  return operations
    .filter(({ end }) => end < start)
    .reduce<Operation | undefined>(
      (newest, operation) => (newest === undefined || operation.value > newest.value ? operation : newest),
      undefined,
    );
}

function bySubject(operations: readonly Operation[]): ReadonlyMap<string, readonly Operation[]> {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const group = groups.get(subject(operation));
    if (group === undefined) groups.set(subject(operation), [operation]);
    else group.push(operation);
  }
  return groups;
}

function subject({ session, key }: Operation): string {
  return JSON.stringify([session, key]);
}

function identity({ key, value }: Pick<StoredVersion, 'key' | 'value'>): string {
  return JSON.stringify([key, value]);
}
