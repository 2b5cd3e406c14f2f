import fc from 'fast-check';
import type { Pin } from '../src/pin.js';
import type { PinMark } from '../src/pin-mark.js';
import { noon } from './requests.js';

const word = (letters: string, longest: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: longest }),
    fc.string({ unit: fc.constantFrom(...letters), minLength: longest, maxLength: longest }),
  );

const alphanumeric = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Every name that a cluster may have, and a few that meet again and again. */
export const clusterNames: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('main', 'posts', 'users'),
  word(`${alphanumeric}_-`, 32),
);

const marks: fc.Arbitrary<PinMark> = fc.oneof(
  fc.constantFrom<PinMark>('clock', 'unknown'),
  fc
    .tuple(word(`${alphanumeric}-`, 64), fc.constantFrom('seen', 'unknown', undefined))
    .map(([position, hold]) => (hold === undefined ? { position } : { position, hold })),
);

/** What a request may have written. */
export const writtenMarks: fc.Arbitrary<ReadonlyMap<string, PinMark>> = fc
  .array(fc.tuple(clusterNames, marks), { minLength: 1, maxLength: 6 })
  .map((entries) => new Map(entries));

/** A moment near enough to noon for one pin to meet another. */
export const moments: fc.Arbitrary<number> = fc.integer({ min: noon - 200_000, max: noon + 200_000 });

export interface Writes {
  readonly now: number;
  readonly written: ReadonlyMap<string, PinMark>;
}

/** What a client may have done: requests that wrote, one after the other. */
export const histories: fc.Arbitrary<readonly Writes[]> = fc.array(
  fc.record({ now: moments, written: writtenMarks }),
  { minLength: 1, maxLength: 5 },
);

/** A pin in words, to be compared. */
export function inWords({ at, seenAt, marks: held }: Pin): unknown {
  return { at, ...(seenAt !== undefined && { seenAt }), marks: Object.fromEntries(held) };
}
