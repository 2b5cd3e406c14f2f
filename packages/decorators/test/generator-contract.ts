import { Readable } from 'node:stream';
import { types } from 'node:util';
import { usePrimary } from '@node-replicated/core';
import { currentScope, runInScope } from '@node-replicated/core/adapter';
import { describe, expect, test } from 'vitest';
import { place } from './fixtures/both/place.js';
import { inRequest, requestScope } from './in-request.js';

/** What a decorated generator method promises. */
export function generatorContract(fixtures: typeof import('./fixtures/both/generators.js')): void {
  const { CoveredRows, Rows } = fixtures;

  describe('a decorated generator', () => {
    test('starts no sooner than at its first step', () => {
      const rows = new Rows();
      const generator = rows.read();
      expect(rows.log).toEqual([]);
      generator.next();
      expect(rows.log).toEqual(['start: replica, forced']);
    });

    test('runs every step in its role, and leaves the consumer in its own', () => {
      const rows = new Rows();
      inRequest('POST', () => {
        for (const row of rows.read(2)) {
          expect(row).toBe('replica, forced');
          expect(place()).toBe('primary, method');
        }
        expect(place()).toBe('primary, method');
      });
      expect(rows.log).toEqual([
        'start: replica, forced',
        'got undefined: replica, forced',
        'got undefined: replica, forced',
        'finally: replica, forced',
      ]);
    });

    test('passes what next() is given, and returns what the body returns', () => {
      const rows = new Rows();
      const generator = rows.read(1);
      expect(generator.next()).toEqual({ done: false, value: 'replica, forced' });
      expect(generator.next('a row')).toEqual({ done: true, value: 'replica, forced' });
      expect(generator.next()).toEqual({ done: true, value: undefined });
      expect(rows.log).toContain('got a row: replica, forced');
    });

    test('runs its finally block in its role when the consumer leaves early', () => {
      const rows = new Rows();
      for (const _ of rows.read()) break;
      expect(rows.log.at(-1)).toBe('finally: replica, forced');
      const generator = rows.read();
      generator.next();
      expect(generator.return('left')).toEqual({ done: true, value: 'left' });
    });

    test('runs its catch block in its role when the consumer throws into it', () => {
      const generator = new Rows().read();
      generator.next();
      expect(generator.throw(new Error('thrown'))).toEqual({ done: false, value: 'caught: replica, forced' });
      expect(place()).toBe('primary, outside');
    });

    test("restores the consumer's state when its body throws", () => {
      const generator = new Rows().read();
      inRequest('POST', () => {
        expect(() => generator.throw(new Error('thrown'))).toThrow('thrown');
        expect(place()).toBe('primary, method');
      });
    });

    test('evaluates the defaults of its parameters in its role too', () => {
      expect([...new Rows().arguments()]).toEqual(['replica, forced']);
    });

    test('delegates to another decorated generator, and comes back', () => {
      expect([...new Rows().both()]).toEqual(['primary, forced', 'replica, forced', 'primary, forced']);
    });

    test('lets the decorator nearest to it win when it has two', () => {
      expect([...new Rows().twice()]).toEqual(['replica, forced']);
    });

    test('works when it is static', () => {
      expect([...Rows.all()]).toEqual(['primary, forced']);
    });

    test('works when its class is decorated', async () => {
      const rows = new CoveredRows();
      expect([...rows.read()]).toEqual(['replica, forced']);
      for await (const row of rows.stream()) expect(row).toBe('replica, forced');
    });

    test('stays a generator object of its method', () => {
      const rows = new Rows();
      const generator = rows.read();
      expect(types.isGeneratorObject(generator)).toBe(true);
      expect(types.isProxy(generator)).toBe(false);
      expect(generator).toBeInstanceOf(rows.read);
      expect(generator[Symbol.iterator]()).toBe(generator);
      expect(Object.prototype.toString.call(generator)).toBe('[object Generator]');
      expect(Object.getPrototypeOf(generator)).toBe(rows.read.prototype);
      expect(Object.keys(generator)).toEqual([]);
    });

    test('works in two consumers at once, each on its own', () => {
      const rows = new Rows();
      const [one, other] = [rows.read(1), rows.read(1)];
      expect([...one]).toEqual(['replica, forced']);
      expect(other.next().done).toBe(false);
    });
  });

  describe('the scope of a decorated generator', () => {
    test('is that of its call, also when another request takes the steps', () => {
      const home = requestScope('GET');
      const generator = runInScope(home, () => new Rows().sessions());
      expect(generator.next().value).toBe(home.session);
      expect(inRequest('GET', () => generator.next().value)).toBe(home.session);
    });

    test('is one and the same for all steps outside any request', () => {
      const generator = new Rows().sessions();
      const first = generator.next().value;
      expect(first).toBeDefined();
      expect(generator.next().value).toBe(first);
    });

    test('gives way to a lock that holds at the call', () => {
      const generator = usePrimary({ lock: true }, () => new Rows().read(1));
      expect(generator.next().value).toBe('primary, forced');
    });

    test('gives way to a lock that its consumer holds', () => {
      inRequest('GET', () => {
        const generator = new Rows().read();
        expect(usePrimary({ lock: true }, () => generator.next().value)).toBe('primary, forced');
        expect(generator.next().value).toBe('replica, forced');
      });
    });

    test('does not give way to a lock of another request', () => {
      const generator = inRequest('GET', () => new Rows().read());
      const step = (): unknown => usePrimary({ lock: true }, () => generator.next().value);
      expect(inRequest('GET', step)).toBe('replica, forced');
    });
  });

  describe('a decorated async generator', () => {
    test('starts no sooner than at its first step', async () => {
      const rows = new Rows();
      const generator = rows.write();
      await Promise.resolve();
      expect(rows.log).toEqual([]);
      await generator.next();
      expect(rows.log).toEqual(['start: primary, forced']);
    });

    test('runs every step in its role, also after an await, and leaves the consumer in its own', async () => {
      const rows = new Rows();
      await inRequest('GET', async () => {
        for await (const row of rows.write(2)) {
          expect(row).toBe('primary, forced');
          expect(place()).toBe('replica, method');
        }
        expect(place()).toBe('replica, method');
      });
      expect(new Set(rows.log)).toEqual(
        new Set(['start: primary, forced', 'got undefined: primary, forced', 'finally: primary, forced']),
      );
    });

    test('keeps its role for steps that are asked for all at once', async () => {
      const generator = new Rows().write(2);
      const steps = [generator.next(), generator.next('second'), generator.next('third')];
      expect(await Promise.all(steps)).toEqual([
        { done: false, value: 'primary, forced' },
        { done: false, value: 'primary, forced' },
        { done: true, value: 'primary, forced' },
      ]);
    });

    test('runs its finally and catch blocks in its role', async () => {
      const rows = new Rows();
      for await (const _ of rows.write()) break;
      expect(rows.log.at(-1)).toBe('finally: primary, forced');
      const generator = rows.write();
      await generator.next();
      const caught = await generator.throw(new Error('thrown'));
      expect(caught).toEqual({ done: false, value: 'caught: primary, forced' });
    });

    test("restores the consumer's state when a step is rejected", async () => {
      await inRequest('GET', async () => {
        const generator = new Rows().write();
        await expect(generator.throw(new Error('thrown'))).rejects.toThrow('thrown');
        expect(place()).toBe('replica, method');
      });
    });

    test('works as Symbol.asyncIterator of its class', async () => {
      const seen: string[] = [];
      for await (const row of new Rows()) seen.push(row);
      expect(seen).toEqual(['replica, forced', 'replica, forced']);
    });

    test('keeps its role when a Node stream takes the steps', async () => {
      const home = requestScope('GET');
      const stream = runInScope(home, () => Readable.from(new Rows().write()));
      const seen = await runInScope(undefined, () => stream.toArray());
      expect(seen).toEqual(['primary, forced', 'primary, forced', 'primary, forced']);
      expect(currentScope()).toBeUndefined();
    });

    test('stays an async generator object of its method', () => {
      const rows = new Rows();
      const generator = rows.write();
      expect(types.isGeneratorObject(generator)).toBe(true);
      expect(generator).toBeInstanceOf(rows.write);
      expect(generator[Symbol.asyncIterator]()).toBe(generator);
      expect(Object.prototype.toString.call(generator)).toBe('[object AsyncGenerator]');
    });
  });
}
