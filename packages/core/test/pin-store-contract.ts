import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { registerCluster } from '../src/cluster-registry.js';
import { uniteTokens } from '../src/pin-carriers.js';
import type { PinStore } from '../src/pin-store.js';
import { decodePin, encodePin } from '../src/pin-token.js';
import { configWith, noon } from './requests.js';

/** What every store of pins does. */
export interface StoreUnderTest {
  /** A store as another process has it: all of them share what is stored. */
  open(): PinStore;
}

const long = 60_000;
let clients = 0;

/** A client that nobody has heard of. */
function newClient(): string {
  clients += 1;
  return `client ${process.pid}.${clients}`;
}

/** Tokens of most of these tests are sets of words. */
function add(word: string): (stored: string | undefined) => string {
  return (stored) => [...new Set([...wordsOf(stored), word])].toSorted().join(' ');
}

function wordsOf(token: string | undefined): readonly string[] {
  return token === undefined ? [] : token.split(' ');
}

/** Tells whether a store keeps its promises. */
export function describePinStore(name: string, { open }: StoreUnderTest): void {
  describe(name, () => {
    test('gives back what was stored for a client, and nothing for another', async () => {
      const [ann, bob] = [newClient(), newClient()];
      await open().advance(ann, () => 'a', long);
      expect([await open().get(ann), await open().get(bob)]).toEqual(['a', undefined]);
    });

    test('shows what is stored to whoever moves it forward', async () => {
      const client = newClient();
      const shown: unknown[] = [];
      for (const token of ['a', 'b', 'c']) {
        const follow = (stored: string | undefined): string => {
          if (shown.at(-1) !== stored) shown.push(stored);
          return token;
        };
        await open().advance(client, follow, long);
      }
      expect(await open().get(client)).toBe('c');
      expect(shown.filter((token) => token !== undefined)).toEqual(['a', 'b']);
    });

    test('forgets a token when its time is over, and not before', async () => {
      const [short, lasting] = [newClient(), newClient()];
      await open().advance(lasting, () => 'b', long);
      await open().advance(short, () => 'a', 50);
      await vi.waitFor(async () => expect(await open().get(short)).toBeUndefined(), { timeout: 10_000 });
      expect(await open().get(lasting)).toBe('b');
      await open().advance(short, (stored) => `after ${stored}`, long);
      expect(await open().get(short)).toBe('after undefined');
    });

    test('keeps a token that moves for its time from then on', async () => {
      const [client, soon] = [newClient(), newClient()];
      await open().advance(client, () => 'a', 1_000);
      await open().advance(client, add('b'), long);
      const moved = await open().get(client);
      await open().advance(soon, () => 'c', 1_500);
      await vi.waitFor(async () => expect(await open().get(soon)).toBeUndefined(), { timeout: 10_000 });
      expect(moved).toContain('b');
      expect(await open().get(client)).toBe(moved);
    });

    test('keeps clients apart, whatever they are called', async () => {
      const names = fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
        fc.string({ unit: fc.constantFrom('{', '}', '#', ':', '*', 'a'), minLength: 1, maxLength: 4 }),
        fc.constantFrom(
          '\ud800',
          '\ud801',
          '\ufffd',
          'a'.repeat(5_000),
          `${'a'.repeat(5_000)}b`,
          '__proto__',
          '{}',
        ),
      );
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(names, { minLength: 2, maxLength: 5 }), async (all) => {
          const store = open();
          await Promise.all(all.map((client, index) => store.advance(client, () => `of ${index}`, long)));
          expect(await Promise.all(all.map((client) => open().get(client)))).toEqual(
            all.map((_, index) => `of ${index}`),
          );
        }),
        { numRuns: 50 },
      );
    });

    test('loses nothing of what many store for one client at a time', async () => {
      const storms = fc.array(fc.record({ process: fc.nat(3), client: fc.nat(1) }), {
        minLength: 1,
        maxLength: 40,
      });
      await fc.assert(
        fc.asyncProperty(storms, async (moves) => {
          const stores = [open(), open(), open(), open()];
          const both = [newClient(), newClient()];
          const words = moves.map(({ process, client }, index) => ({ client, word: `${process}.${index}` }));
          await Promise.all(
            moves.map(({ process, client }, index) =>
              stores[process]?.advance(both[client] ?? '', add(words[index]?.word ?? ''), long),
            ),
          );
          for (const [client, name] of both.entries()) {
            const expected = words.filter((one) => one.client === client).map(({ word }) => word);
            expect(wordsOf(await open().get(name))).toEqual(expected.toSorted());
          }
        }),
        { numRuns: 40 },
      );
    });

    test('never shows less than it has shown, while many store', async () => {
      const client = newClient();
      let over = false;
      const write = async (name: string): Promise<void> => {
        const store = open();
        for (let n = 0; n < 30; n++) await store.advance(client, add(`${name}${n}`), long);
      };
      const writing = Promise.all(['a', 'b', 'c'].map(write)).finally(() => {
        over = true;
      });
      const watch = async (): Promise<void> => {
        const store = open();
        let seen: readonly string[] = [];
        while (!over) {
          const words = new Set(wordsOf(await store.get(client)));
          expect(seen.filter((word) => !words.has(word))).toEqual([]);
          seen = [...words];
          await new Promise(setImmediate);
        }
      };
      await Promise.all([writing, watch(), watch()]);
      expect(wordsOf(await open().get(client))).toHaveLength(90);
    });

    describeSignedPins(open);
  });
}

interface Place {
  readonly timeline: number;
  readonly lsn: bigint;
}

/** Positions as a database of 64 bits has them: a number of JavaScript, or of Lua, would round them. */
function describeSignedPins(open: StoreUnderTest['open']): void {
  const cluster = 'contract';
  const config = configWith();
  const places: fc.Arbitrary<Place> = fc.record({
    timeline: fc.integer({ min: 1, max: 3 }),
    lsn: fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 2n ** 63n, max: 2n ** 63n + 3n }),
    ),
  });
  let forget: () => void;

  beforeAll(() => {
    forget = registerCluster({ name: cluster, readOnly: false, join });
  });
  afterAll(() => forget());

  test('holds the furthest of signed pins, whichever comes last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(places, { minLength: 1, maxLength: 12 }), async (all) => {
        const stores = [open(), open(), open()];
        const client = newClient();
        const store = async (place: Place, index: number): Promise<void> => {
          const pin = { at: noon - index, marks: new Map([[cluster, { position: positionOf(place) }]]) };
          const token = encodePin(pin, config.signer);
          const follow = (stored: string | undefined): string =>
            stored === undefined ? token : uniteTokens(stored, token, config);
          await stores[index % stores.length]?.advance(client, follow, long);
        };
        await Promise.all(all.map(store));
        const pin = decodePin(
          (await open().get(client)) ?? '',
          config.signer,
          { forMs: 0, maxAgeMs: long },
          noon,
        );
        const furthest = all.map(positionOf).reduce((a, b) => join(a, b));
        expect(pin).toMatchObject({ marks: new Map([[cluster, { position: furthest }]]) });
      }),
      { numRuns: 40 },
    );
  });
}

function positionOf({ timeline, lsn }: Place): string {
  return `${timeline}-${lsn}`;
}

/** The least place that has everything up to both. */
function join(a: string, b: string): string {
  const [[timeline = 0n, lsn = 0n], [other = 0n, later = 0n]] = [a, b].map((position) =>
    position.split('-').map(BigInt),
  ) as [bigint[], bigint[]];
  return `${greater(timeline, other)}-${greater(lsn, later)}`;
}

function greater(a: bigint, b: bigint): bigint {
  return a - b > 0n ? a : b;
}
