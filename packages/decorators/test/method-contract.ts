import { setImmediate as nextTurn } from 'node:timers/promises';
import { usePrimary, useReplica } from '@node-replicated/core';
import { currentScope } from '@node-replicated/core/adapter';
import { forcedRule, UseMaster, UsePrimary, UseReplica, UseSlave } from '@node-replicated/decorators';
import { describe, expect, test } from 'vitest';
import { place } from './fixtures/both/place.js';
import { inRequest } from './in-request.js';

/** What a decorated method promises. */
export function methodContract(fixtures: typeof import('./fixtures/both/methods.js')): void {
  const { DerivedRunner, Identity, Runner, Spellings } = fixtures;
  const runner = new Runner();

  describe('a decorated method', () => {
    test('UseMaster is UsePrimary, and UseSlave is UseReplica', () => {
      expect(UseMaster).toBe(UsePrimary);
      expect(UseSlave).toBe(UseReplica);
    });

    test('runs in its role with each way to write the decorator', () => {
      const spellings = new Spellings();
      expect(spellings.primaryBare()).toBe('primary, forced');
      expect(spellings.primaryCalled()).toBe('primary, forced');
      expect(spellings.primaryOptions()).toBe('primary, forced');
      expect(spellings.master()).toBe('primary, forced');
      expect(spellings.masterCalled()).toBe('primary, forced');
      expect(spellings.replicaBare()).toBe('replica, forced');
      expect(spellings.replicaCalled()).toBe('replica, forced');
      expect(spellings.replicaOptions()).toBe('replica, forced');
      expect(spellings.slave()).toBe('replica, forced');
      expect(spellings.slaveCalled()).toBe('replica, forced');
    });

    test('beats the HTTP method of the request', () => {
      inRequest('GET', () => {
        expect(place()).toBe('replica, method');
        expect(runner.primary(place)).toBe('primary, forced');
      });
      inRequest('POST', () => {
        expect(place()).toBe('primary, method');
        expect(runner.replica(place)).toBe('replica, forced');
      });
    });

    test('beats the override map', () => {
      inRequest('GET', () => expect(runner.replica(place)).toBe('replica, forced'), { '/posts': 'primary' });
    });

    test('tells what it forces, with its conditions; where it has two decorators, what the nearest does', () => {
      expect(forcedRule(runner.rule)).toEqual(runner.rule());
      expect(forcedRule(runner.lockedPrimary)).toEqual({ role: 'primary' });
      expect(forcedRule(runner.twice)?.role).toBe('replica');
      expect(runner.twice()).toBe('replica, forced');
      expect(forcedRule(() => undefined)).toBeUndefined();
    });

    test('starts a query builder that it returns, which would begin only when it is awaited', async () => {
      const builder = (): PromiseLike<string> => ({
        // biome-ignore lint/suspicious/noThenProperty: query builders have one
        then: (...done) => Promise.resolve(place()).then(...done),
      });
      await inRequest('GET', async () => expect(await runner.primary(builder)).toBe('primary, forced'));
    });

    test('carries its conditions to the scope', () => {
      expect(runner.rule()).toEqual({ role: 'replica', maxLagMs: 250, consistency: 'eventual' });
    });

    test('shares the session of the request', () => {
      inRequest('GET', () => {
        const session = currentScope()?.session;
        expect(session).toBeDefined();
        expect(runner.primary(() => currentScope()?.session)).toBe(session);
      });
    });

    test('works when it is static', async () => {
      expect(Runner.replicaStatic(place)).toBe('replica, forced');
      expect(await Runner.primaryStatic(place)).toBe('primary, forced');
    });

    test('works through super, in a method that overrides it without a decorator', () => {
      expect(new DerivedRunner().primary(place)).toBe('primary, forced');
    });

    test('lets the decorator nearest to it win when it has two', () => {
      expect(runner.twice()).toBe('replica, forced');
    });
  });

  describe('nested decorated calls', () => {
    test("a nested decorated call restores the caller's state", () => {
      inRequest('GET', () => {
        runner.primary(() => {
          expect(runner.replica(place)).toBe('replica, forced');
          expect(place()).toBe('primary, forced');
          expect(runner.replica(() => runner.primary(place))).toBe('primary, forced');
          expect(place()).toBe('primary, forced');
        });
        expect(place()).toBe('replica, method');
      });
    });

    test("a nested async call restores the caller's state after each await", async () => {
      await inRequest('GET', async () => {
        await runner.primaryAsync(async () => {
          await nextTurn();
          await runner.replicaAsync(async () => {
            await nextTurn();
            expect(place()).toBe('replica, forced');
          });
          expect(place()).toBe('primary, forced');
          await nextTurn();
          expect(place()).toBe('primary, forced');
        });
        expect(place()).toBe('replica, method');
      });
    });

    test("the caller's state is restored when the method throws", () => {
      const error = new Error('thrown');
      const fail = (): never => {
        throw error;
      };
      inRequest('GET', () => {
        expect(() => runner.primary(() => runner.replica(fail))).toThrow(error);
        expect(place()).toBe('replica, method');
      });
      expect(place()).toBe('primary, outside');
    });

    test("the caller's state is restored when the promise is rejected", async () => {
      const error = new Error('rejected');
      const fail = async (): Promise<never> => {
        await nextTurn();
        throw error;
      };
      await inRequest('GET', async () => {
        await runner.primaryAsync(async () => {
          await expect(runner.replicaAsync(fail)).rejects.toBe(error);
          expect(place()).toBe('primary, forced');
        });
        expect(place()).toBe('replica, method');
      });
      expect(place()).toBe('primary, outside');
    });

    test('a request that follows one that threw starts clean', () => {
      const view = (): unknown =>
        inRequest('GET', () =>
          runner.primary(() => {
            throw new Error('thrown');
          }),
        );
      expect(view).toThrow('thrown');
      expect(inRequest('GET', place)).toBe('replica, method');
    });

    test('the caller goes on in its own state while the promise is pending', async () => {
      await inRequest('GET', async () => {
        const pending = runner.primaryAsync(nextTurn);
        expect(place()).toBe('replica, method');
        await pending;
        expect(place()).toBe('replica, method');
      });
    });

    test('a hundred interleaved calls of both roles keep apart', async () => {
      const look = async (): Promise<Set<string>> => {
        const seen = new Set<string>();
        for (let turn = 0; turn < 10; turn += 1) {
          await nextTurn();
          seen.add(place());
        }
        return seen;
      };
      const calls = Array.from({ length: 100 }, (_, index) =>
        inRequest(index % 3 === 0 ? 'POST' : 'GET', () =>
          index % 2 === 0 ? runner.primaryAsync(look) : runner.replicaAsync(look),
        ),
      );
      for (const [index, seen] of (await Promise.all(calls)).entries()) {
        expect([...seen]).toEqual([index % 2 === 0 ? 'primary, forced' : 'replica, forced']);
      }
    });

    test('a locked scope ignores the decorators inside it', () => {
      expect(runner.lockedPrimary(() => runner.replica(place))).toBe('primary, forced');
      expect(runner.lockedReplica(() => runner.primary(place))).toBe('replica, forced');
      expect(runner.lockedReplica(() => runner.lockedPrimary(place))).toBe('replica, forced');
      expect(usePrimary({ lock: true }, () => runner.replica(place))).toBe('primary, forced');
    });

    test('a locked method ignores useReplica() inside it, and unlocks when it returns', () => {
      runner.replica(() => {
        expect(runner.lockedPrimary(() => useReplica(place))).toBe('primary, forced');
        expect(usePrimary(place)).toBe('primary, forced');
        expect(place()).toBe('replica, forced');
      });
    });
  });

  describe('the identity of a decorated method', () => {
    const identity = new Identity();

    test('keeps the name and the length', () => {
      expect([identity.whoAmI.name, identity.whoAmI.length]).toEqual(['whoAmI', 0]);
      expect([identity.express4.name, identity.express4.length]).toEqual(['express4', 4]);
      expect([identity.defaulted.name, identity.defaulted.length]).toEqual(['defaulted', 1]);
      expect(identity[Symbol.toPrimitive].name).toBe('[Symbol.toPrimitive]');
    });

    test('keeps `this`, the arguments and the result', async () => {
      expect(identity.whoAmI()).toBe(identity);
      expect(Identity.whoAmI()).toBe(Identity);
      expect(identity.defaulted(1)).toBe(3);
      expect(identity.defaulted(1, 1, 1, 1)).toBe(4);
      expect(await identity.settles()).toBe('posts');
      expect(`${identity}`).toBe('primary, forced');
    });

    test('keeps the kind of function', () => {
      expect(identity.settles.constructor.name).toBe('AsyncFunction');
      expect(identity.steps.constructor.name).toBe('GeneratorFunction');
      expect(identity.asyncSteps.constructor.name).toBe('AsyncGeneratorFunction');
      expect(identity.whoAmI.constructor).toBe(Function);
      expect('prototype' in identity.whoAmI).toBe(false);
      expect(() => Reflect.construct(identity.whoAmI, [])).toThrow(TypeError);
    });

    test('keeps the property as enumerable, writable and configurable as a method is', () => {
      expect(Object.getOwnPropertyDescriptor(Identity.prototype, 'whoAmI')).toMatchObject({
        enumerable: false,
        writable: true,
        configurable: true,
      });
      expect(Object.keys(Identity.prototype)).toEqual([]);
    });
  });
}
