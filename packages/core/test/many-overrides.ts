import type { Overrides } from '../src/overrides.js';

/** A map of this many keys, a quarter of each kind: plain, with a parameter, with a star, a name. */
export function overridesOf(size: number): Overrides {
  return Object.fromEntries(
    Array.from({ length: size }, (_, i) => [
      [`/section-${i}/page`, `/section-${i}/:id/edit`, `GET /section-${i}/files/*`, `Section${i}.list`][
        i % 4
      ],
      i % 2 === 0 ? 'primary' : 'replica',
    ]),
  );
}
