import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pinKey } from '../src/pin-key.js';

it.each(['ann', '17', 'user:17', 'ann@example.org', 'a_b-c.d'])('the key of %s can be read', (client) => {
  expect(pinKey('p:', client)).toBe(`p:${client}`);
});

it('a key is short, and holds no brace that its prefix does not hold, whatever the client is called', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 500 }),
    fc.constantFrom('{a}', 'a{b}c', '\n'),
  );
  fc.assert(
    fc.property(anything, (client) => {
      expect(pinKey('p:', client)).toMatch(/^p:#?[A-Za-z0-9_.:@-]{0,100}$/);
    }),
  );
});

it.each([
  ['a'.repeat(101), 'a'.repeat(102)],
  ['\ud800', '\ud801'],
  ['#a', '#b'],
])('clients whose keys are digests have different ones', (one, another) => {
  expect(pinKey('p:', one)).not.toBe(pinKey('p:', another));
});

it('nobody can be called as the digest of somebody else', () => {
  const digest = pinKey('', 'somebody with blanks');
  expect(pinKey('', digest)).not.toBe(digest);
});
