import { anyCluster, clusterNamePattern, lastMoved, notAfter, type Pin, pinText } from './pin.js';
import type { PinMark, PinTimes } from './pin-mark.js';
import { positionPattern } from './position.js';
import type { Signer } from './signer.js';

const mostBytes = 200;
const shape = /^1\.([0-9a-z]{1,10})(?:-([0-9a-z]{1,10}))?\.([A-Za-z0-9_*:!+~-]{1,156})\.([A-Za-z0-9_-]{43})$/;

/** Why a token that came with a request was not taken for a pin. */
export type PinFault = 'oversized' | 'malformed' | 'signature' | 'expired';

/** The token that carries a pin in a cookie or a header: version, time, marks and signature, ≤ 200 bytes. */
export function encodePin(pin: Pin, signer: Signer): string {
  const text = pinText(pin);
  return `${text}.${signer.sign(text)}`;
}

/**
 * Reads a token that a client sent. It is not trusted before its signature is verified, and a time in the
 * future counts as now.
 *
 * @param now ms since the epoch; a clock may give fractions, which no token can say
 * @returns the pin, or why there is none
 */
export function decodePin(token: string, signer: Signer, times: PinTimes, now: number): Pin | PinFault {
  if (token.length > mostBytes) return 'oversized';
  const match = shape.exec(token);
  if (match === null) return 'malformed';
  const [, wrote = '', saw = wrote, list = '', signature = ''] = match;
  if (!signer.verify(token.slice(0, -signature.length - 1), signature)) return 'signature';
  const marks = readMarks(list);
  if (marks === undefined) return 'malformed';
  const said = { at: Number.parseInt(wrote, 36), seenAt: Number.parseInt(saw, 36), marks };
  const pin = notAfter(said, now);
  return now - lastMoved(pin) >= times.maxAgeMs ? 'expired' : pin;
}

function readMarks(list: string): ReadonlyMap<string, PinMark> | undefined {
  const marks = new Map<string, PinMark>();
  for (const entry of list.split('~')) {
    const [name = '', text, ...rest] = entry.split(':');
    const mark = text === undefined || rest.length > 0 ? undefined : readMark(text);
    if (mark === undefined || (name !== anyCluster && !clusterNamePattern.test(name))) return undefined;
    marks.set(name, mark);
  }
  return marks;
}

function readMark(text: string): PinMark | undefined {
  if (text === '') return 'clock';
  if (text === '!') return 'unknown';
  const hold = text.startsWith('+') ? 'seen' : text.startsWith('!') ? 'unknown' : undefined;
  const position = hold === undefined ? text : text.slice(1);
  if (!positionPattern.test(position)) return undefined;
  return hold === undefined ? { position } : { position, hold };
}
