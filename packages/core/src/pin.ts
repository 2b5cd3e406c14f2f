import { atLeast, holdMs, isSeen, joined, markText, type PinMark, type PinTimes } from './pin-mark.js';
import type { JoinPositions, Position } from './position.js';

/** The statement "this client wrote at time T, to these clusters, up to these positions". */
export interface Pin {
  /** When the client last wrote: ms since the epoch, by the clock of the server that answered it; 0: never. */
  readonly at: number;
  /** When the pin last moved otherwise, if that is later: by a read, or a write that a replica has applied. */
  readonly seenAt?: number;
  /** One mark per cluster. The key {@link anyCluster} stands for all of them. */
  readonly marks: ReadonlyMap<string, PinMark>;
}

/** Stands for every cluster, when a client used more of them than a pin can name. */
export const anyCluster = '*';

/** What a cluster may be called. */
export const clusterNamePattern: RegExp = /^[A-Za-z0-9_-]{1,32}$/;

const version = '1';
const mostClusters = 4;

/** With a dot and a signature of 43 bytes, this makes a token of 200. */
const mostTextBytes = 156;

/** The text of a pin, which a token signs. */
export function pinText({ at, seenAt, marks }: Pin): string {
  const list = [...marks].map(([name, mark]) => `${name}:${markText(mark)}`).join('~');
  const time = seenAt === undefined ? at.toString(36) : `${at.toString(36)}-${seenAt.toString(36)}`;
  return `${version}.${time}.${list}`;
}

/**
 * Moves a pin forward: new marks join those that still hold. A pin never moves back, and one that would name too
 * many clusters, or grow too long, holds for all of them by time alone.
 *
 * @param held the pin that came with the request, if any
 * @param marks what the request wrote or read, each at or after what the pin held of that cluster
 * @param now ms since the epoch
 */
export function advancePin(held: Pin | undefined, marks: ReadonlyMap<string, PinMark>, now: number): Pin {
  const moment = Math.floor(now);
  const wrote = [...marks.values()].some((mark) => !isSeen(mark));
  // Reads are no reason for a pin that holds by time alone to hold for longer.
  if (!wrote && held?.marks.has(anyCluster) === true) return held;
  const at = Math.max(held?.at ?? 0, wrote ? moment : 0);
  return bounded(at, Math.max(held?.seenAt ?? 0, moment), joinedMarks(held?.marks, marks));
}

/** One pin for two that a client holds. */
export function unitePins(a: Pin, b: Pin, joinOf: (cluster: string) => JoinPositions | undefined): Pin {
  const [older, newer] = lastMoved(a) <= lastMoved(b) ? [a, b] : [b, a];
  const marks = new Map<string, PinMark>();
  for (const [name, mark] of newer.marks) {
    marks.set(name, atLeast(mark, older.marks.get(name), joinOf(name)));
  }
  return bounded(Math.max(a.at, b.at), lastMoved(newer), joinedMarks(older.marks, marks));
}

/** The pin of a client that may have done what marks say, at any moment until now. It may name any number of clusters. */
export function pinUntil(now: number, marks: ReadonlyMap<string, PinMark>): Pin {
  const wrote = [...marks.values()].some((mark) => !isSeen(mark));
  return { at: wrote ? Math.floor(now) : 0, seenAt: Math.floor(now), marks };
}

/** The same pin, as if it had moved so many ms later by a read: it says as much, and expires that much later. */
export function movedLater(pin: Pin, ms: number): Pin {
  return bounded(pin.at, lastMoved(pin) + ms, pin.marks);
}

function bounded(at: number, movedAt: number, marks: ReadonlyMap<string, PinMark>): Pin {
  const pin = movedAt > at ? { at, seenAt: movedAt, marks } : { at, marks };
  const fits = !marks.has(anyCluster) && marks.size <= mostClusters && pinText(pin).length <= mostTextBytes;
  return fits ? pin : { at: Math.max(at, movedAt), marks: new Map([[anyCluster, 'unknown']]) };
}

function joinedMarks(
  held: ReadonlyMap<string, PinMark> | undefined,
  marks: ReadonlyMap<string, PinMark>,
): ReadonlyMap<string, PinMark> {
  const all = new Map(held);
  for (const [name, mark] of marks) all.set(name, joined(all.get(name), mark));
  return all;
}

/** A pin whose times are not in the future: clocks of servers differ, and jump. */
export function notAfter({ at, seenAt = at, marks }: Pin, now: number): Pin {
  const latest = Math.floor(now);
  const [wrote, moved] = [Math.min(at, latest), Math.min(seenAt, latest)];
  return moved > wrote ? { at: wrote, seenAt: moved, marks } : { at: wrote, marks };
}

/** When a pin last moved, in ms since the epoch: it expires by this. */
export function lastMoved({ at, seenAt = 0 }: Pin): number {
  return Math.max(at, seenAt);
}

/**
 * What a pin asks of a read: the primary, a node that has reached a position, or nothing.
 */
export type PinDemand = 'primary' | 'none' | { readonly position: Position };

/** What two pins ask of one read. Of positions that cannot be joined the second one counts. */
export function bothDemands(a: PinDemand, b: PinDemand, join: JoinPositions | undefined): PinDemand {
  if (a === 'none' || b === 'primary') return b;
  if (b === 'none' || a === 'primary') return a;
  return { position: join?.(a.position, b.position) ?? b.position };
}

/**
 * What a pin that has not expired asks of a read of a cluster. A time in the future counts as now.
 *
 * @param now ms since the epoch
 */
export function pinDemand(pin: Pin, cluster: string, times: PinTimes, now: number): PinDemand {
  const mark = markOf(pin, cluster);
  if (mark === undefined) return 'none';
  const age = Math.max(0, now - pin.at);
  if (age < holdMs(mark, times)) return 'primary';
  return typeof mark === 'object' ? mark : 'none';
}

/** The position that a pin names of a cluster, however long it holds. */
export function pinnedPosition(pin: Pin, cluster: string): Position | undefined {
  const mark = markOf(pin, cluster);
  return typeof mark === 'object' ? mark.position : undefined;
}

function markOf({ marks }: Pin, cluster: string): PinMark | undefined {
  return marks.get(cluster) ?? marks.get(anyCluster);
}
