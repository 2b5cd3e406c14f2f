import { type Position, positionPattern } from './position.js';
import type { Signer } from './signer.js';

/**
 * What a pin knows of one cluster that its client wrote to:
 * - a position: everything up to it has to be seen;
 * - `clock`: the engine gives no positions, so time stands in for one;
 * - `unknown`: a write may have happened later than any position that is known, so the pin holds its full time.
 */
export type PinMark = { readonly position: Position } | 'clock' | 'unknown';

/** The statement "this client wrote at time T, to these clusters, up to these positions". */
export interface Pin {
  /** When the client last wrote: ms since the epoch, by the clock of the server that answered it. */
  readonly at: number;
  /** One mark per cluster. The key {@link anyCluster} stands for all of them. */
  readonly marks: ReadonlyMap<string, PinMark>;
}

/** How long pins hold, in ms. A pin itself holds no duration, so a changed setting takes effect at once. */
export interface PinTimes {
  readonly forMs: number;
  readonly maxAgeMs: number;
}

/** Stands for every cluster, when a client wrote to more of them than a pin can name. */
export const anyCluster = '*';

/** What a cluster may be called. */
export const clusterNamePattern: RegExp = /^[A-Za-z0-9_-]{1,32}$/;

const version = '1';
const mostClusters = 4;
const mostBytes = 200;
const shape = /^1\.([0-9a-z]{1,10})\.([A-Za-z0-9_*:!~-]{1,156})\.([A-Za-z0-9_-]{43})$/;

/** Why a token that came with a request was not taken for a pin. */
export type PinFault = 'oversized' | 'malformed' | 'signature' | 'expired';

/** The token that carries a pin in a cookie or a header: version, time, marks and signature, ≤ 200 bytes. */
export function encodePin(pin: Pin, signer: Signer): string {
  const text = textOf(pin);
  return `${text}.${signer.sign(text)}`;
}

function textOf(pin: Pin): string {
  const marks = [...pin.marks].map(([name, mark]) => `${name}:${markText(mark)}`).join('~');
  return `${version}.${pin.at.toString(36)}.${marks}`;
}

function markText(mark: PinMark): string {
  if (mark === 'clock') return '';
  return mark === 'unknown' ? '!' : mark.position;
}

/**
 * Reads a token that a client sent. It is not trusted before its signature is verified, and a time in the
 * future counts as now.
 *
 * @param now ms since the epoch
 * @returns the pin, or why there is none
 */
export function decodePin(token: string, signer: Signer, times: PinTimes, now: number): Pin | PinFault {
  if (token.length > mostBytes) return 'oversized';
  const match = shape.exec(token);
  if (match === null) return 'malformed';
  const [, time = '', list = '', signature = ''] = match;
  if (!signer.verify(token.slice(0, -signature.length - 1), signature)) return 'signature';
  const marks = readMarks(list);
  if (marks === undefined) return 'malformed';
  const at = Math.min(Number.parseInt(time, 36), now);
  return now - at >= times.maxAgeMs ? 'expired' : { at, marks };
}

function readMarks(list: string): ReadonlyMap<string, PinMark> | undefined {
  const marks = new Map<string, PinMark>();
  for (const entry of list.split('~')) {
    const [name = '', mark, ...rest] = entry.split(':');
    if (mark === undefined || rest.length > 0) return undefined;
    if (name !== anyCluster && !clusterNamePattern.test(name)) return undefined;
    if (mark === '') marks.set(name, 'clock');
    else if (mark === '!') marks.set(name, 'unknown');
    else if (positionPattern.test(mark)) marks.set(name, { position: mark });
    else return undefined;
  }
  return marks;
}

/**
 * Moves a pin forward: the marks of what was just written join those that still hold. A pin never moves back,
 * and one that would name too many clusters, or grow too long, holds for all of them by time alone.
 *
 * @param held the pin that came with the request, if any
 * @param written the marks of the clusters that the request wrote to
 * @param now ms since the epoch
 */
export function advancePin(held: Pin | undefined, written: ReadonlyMap<string, PinMark>, now: number): Pin {
  const marks = new Map(held?.marks);
  for (const [name, mark] of written) marks.set(name, joined(marks.get(name), mark));
  const pin = { at: Math.max(held?.at ?? 0, Math.floor(now)), marks };
  const fits = !marks.has(anyCluster) && marks.size <= mostClusters && textOf(pin).length + 44 <= mostBytes;
  return fits ? pin : { at: pin.at, marks: new Map([[anyCluster, 'unknown']]) };
}

/** Time alone cannot stand for a position that it follows: that one may take any time to arrive. */
function joined(held: PinMark | undefined, written: PinMark): PinMark {
  return held === 'unknown' || (typeof held === 'object' && written === 'clock') ? 'unknown' : written;
}

/**
 * What a pin asks of a read: the primary, a node that has reached a position, or nothing.
 */
export type PinDemand = 'primary' | 'none' | { readonly position: Position };

/** For how many ms a pin without a position holds at least: with `forMs: 0` nothing else would hold it. */
const shortestClockMs = 5_000;

/**
 * What a pin that has not expired asks of a read of a cluster.
 *
 * @param now ms since the epoch
 */
export function pinDemand(pin: Pin, cluster: string, times: PinTimes, now: number): PinDemand {
  const mark = pin.marks.get(cluster) ?? pin.marks.get(anyCluster);
  if (mark === undefined) return 'none';
  const age = now - pin.at;
  if (mark === 'unknown') return age < times.maxAgeMs ? 'primary' : 'none';
  if (mark === 'clock') return age < Math.max(times.forMs, shortestClockMs) ? 'primary' : 'none';
  return age < times.forMs ? 'primary' : mark;
}
