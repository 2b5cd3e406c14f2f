import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Role } from '../src/role.js';
import { toRoleSwitch } from '../src/role-switch.js';
import {
  currentReplication,
  currentScope,
  runInScope,
  runWithReplication,
  runWithSwitch,
  usePrimary,
  useReplica,
} from '../src/scope.js';
import { aRequest, main, posts, thrownBy } from './requests.js';

/** The role of the place that asks. */
function role(): Role {
  return currentReplication().role;
}

/** Writes within the scope that is under way, and ends. */
function write(cluster = main): void {
  const session = currentScope()?.session;
  session?.beginWrite(cluster);
  session?.endWrite(cluster);
}

/** Runs a function in the scope of a `GET` request, whose own role is replica. */
function inGet<T>(fn: () => T): T {
  return runInScope(aRequest(), fn);
}

describe('outside any scope', () => {
  test('statements go to the primary', () => {
    expect(currentScope()).toBeUndefined();
    expect(currentReplication()).toEqual({
      role: 'primary',
      reason: 'outside',
      readOnly: false,
      wrote: false,
    });
  });

  test('useReplica() makes a session for its own time', () => {
    const roles = useReplica(() => {
      const before = role();
      write();
      return [before, role(), currentReplication().reason];
    });
    expect(roles).toEqual(['replica', 'primary', 'own-write']);
    expect(currentReplication()).toMatchObject({ reason: 'outside', wrote: false });
  });

  test('is also inside runInScope(undefined), within a request', () => {
    inGet(() => runInScope(undefined, () => expect(currentReplication().reason).toBe('outside')));
  });
});

describe('usePrimary() and useReplica()', () => {
  test('change the role inside, and not after', () => {
    inGet(() => {
      expect(role()).toBe('replica');
      usePrimary(() => expect(currentReplication()).toMatchObject({ role: 'primary', reason: 'forced' }));
      expect(currentReplication()).toMatchObject({ role: 'replica', reason: 'method' });
    });
  });

  test('return what the function returns', async () => {
    expect(usePrimary(() => 7)).toBe(7);
    expect(useReplica({ maxLagMs: 1 }, () => 'x')).toBe('x');
    await expect(useReplica(async () => 8)).resolves.toBe(8);
  });

  test('nest, and each gives back the role around it', () => {
    inGet(() => {
      const seen: Role[] = [];
      usePrimary(() => {
        seen.push(role());
        useReplica(() => {
          seen.push(role());
          usePrimary(() => seen.push(role()));
          seen.push(role());
        });
        seen.push(role());
      });
      seen.push(role());
      expect(seen).toEqual(['primary', 'replica', 'primary', 'replica', 'primary', 'replica']);
    });
  });

  test('give back the role around them when the function throws', () => {
    inGet(() => {
      const fault = new Error('a fault');
      const error = thrownBy(() =>
        usePrimary(() => {
          throw fault;
        }),
      );
      expect(error).toBe(fault);
      expect(role()).toBe('replica');
    });
  });

  test('give back the role around them when the promise is rejected', async () => {
    await inGet(async () => {
      const rejected = usePrimary(async () => {
        await sleep(1);
        throw new Error('a fault');
      });
      expect(role()).toBe('replica');
      await expect(rejected).rejects.toThrow('a fault');
      expect(role()).toBe('replica');
    });
  });

  test('hold over every await of the function, while its caller has its own role', async () => {
    await inGet(async () => {
      const inside: Role[] = [];
      const running = usePrimary(async () => {
        for (let i = 0; i < 3; i++) {
          await sleep(1);
          inside.push(role());
        }
      });
      const outside: Role[] = [];
      for (let i = 0; i < 3; i++) {
        await sleep(1);
        outside.push(role());
      }
      await running;
      expect(inside).toEqual(['primary', 'primary', 'primary']);
      expect(outside).toEqual(['replica', 'replica', 'replica']);
    });
  });

  test('let parallel calls of one request have a role each', async () => {
    await inGet(async () => {
      const ask = async (): Promise<Role> => {
        await sleep(1);
        return role();
      };
      expect(await Promise.all([usePrimary(ask), useReplica(ask), usePrimary(ask), ask()])).toEqual([
        'primary',
        'replica',
        'primary',
        'replica',
      ]);
    });
  });

  test('share the session of the request: what is written inside is known outside', () => {
    inGet(() => {
      usePrimary(() => write());
      expect(currentReplication()).toMatchObject({ role: 'primary', reason: 'own-write', wrote: true });
    });
  });

  test('hand their conditions to the decision', () => {
    useReplica({ maxLagMs: 70, consistency: 'session' }, () => {
      expect(currentScope()?.decide('main').rule).toEqual({
        role: 'replica',
        maxLagMs: 70,
        consistency: 'session',
      });
    });
  });

  test('take effect at once where decisions were made before', () => {
    inGet(() => {
      for (let i = 0; i < 3; i++) {
        expect(role()).toBe('replica');
        expect(usePrimary(role)).toBe('primary');
      }
    });
  });
});

describe('a statement that begins only when it is awaited', () => {
  const builder = (): PromiseLike<Role> => {
    // biome-ignore lint/suspicious/noThenProperty: query builders have one
    return { then: (resolve, reject) => Promise.resolve(role()).then(resolve, reject) };
  };

  test('begins inside the function that returns it', async () => {
    await inGet(async () => {
      expect(await usePrimary(builder)).toBe('primary');
      expect(await usePrimary({ durability: 'off' }, builder)).toBe('primary');
      expect(await usePrimary(() => useReplica(builder))).toBe('replica');
      expect(await builder()).toBe('replica');
    });
    expect(await runWithReplication({ role: 'replica' }, builder)).toBe('replica');
  });

  test('begins once, and its error is that of the promise', async () => {
    let begun = 0;
    const failing = usePrimary((): PromiseLike<never> => {
      // biome-ignore lint/suspicious/noThenProperty: query builders have one
      return { then: (resolve, reject) => Promise.reject(new Error(`${++begun}`)).then(resolve, reject) };
    });
    await expect(failing).rejects.toThrow('1');
    await expect(failing).rejects.toThrow('1');
  });

  test('is returned as it is to a caller under the same switch, which may go on building', async () => {
    const made = builder();
    expect(usePrimary(() => [usePrimary(() => made)])).toEqual([made]);
  });

  test('is left alone inside a lock, whose holder starts it', async () => {
    expect(await usePrimary({ lock: true }, () => useReplica(builder))).toBe('primary');
  });
});

describe('consistency', () => {
  test('eventual stays on a replica after an own write', () => {
    inGet(() => {
      write();
      expect(useReplica(role)).toBe('primary');
      expect(useReplica({ consistency: 'eventual' }, role)).toBe('replica');
    });
  });

  test('strong reads on the primary', () => {
    expect(inGet(() => useReplica({ consistency: 'strong' }, role))).toBe('primary');
  });
});

describe('a locked scope', () => {
  test('ignores switches inside', () => {
    usePrimary({ lock: true }, () => {
      expect(useReplica(role)).toBe('primary');
      expect(useReplica({ consistency: 'eventual' }, role)).toBe('primary');
      expect(runWithSwitch(toRoleSwitch('replica', undefined, 'a test'), role)).toBe('primary');
    });
    expect(useReplica({ lock: true }, () => usePrimary(role))).toBe('replica');
  });

  test('ignores them at any depth, and a lock inside unlocks nothing', () => {
    usePrimary({ lock: true }, () =>
      useReplica({ lock: true }, () => usePrimary(() => useReplica(() => expect(role()).toBe('primary')))),
    );
  });

  test('ignores them after an await, too', async () => {
    await usePrimary({ lock: true }, async () => {
      await sleep(1);
      expect(useReplica(role)).toBe('primary');
    });
  });

  test('still runs what is inside, and returns its result', () => {
    expect(usePrimary({ lock: true }, () => useReplica(() => 7))).toBe(7);
  });

  test('ends with its function', () => {
    inGet(() => {
      usePrimary({ lock: true }, () => undefined);
      expect(usePrimary(() => useReplica(role))).toBe('replica');
    });
  });

  test('is locked only when it says so', () => {
    expect(usePrimary({ lock: false }, () => useReplica(role))).toBe('replica');
    expect(usePrimary({}, () => useReplica(role))).toBe('replica');
  });
});

describe('a setting that cannot be', () => {
  const never = (): never => {
    throw new Error('the function ran');
  };

  test.each([
    ['useReplica()', 'options', () => useReplica('eventual' as never, never)],
    ['usePrimary()', 'options', () => usePrimary(null as never, never)],
    ['useReplica()', 'maxLag', () => useReplica({ maxLag: 5 } as never, never)],
    ['useReplica()', 'maxLagMs', () => useReplica({ maxLagMs: -1 }, never)],
    ['useReplica()', 'consistency', () => useReplica({ consistency: 'weak' } as never, never)],
    ['useReplica()', 'role', () => useReplica({ role: 'primary' } as never, never)],
    ['useReplica()', 'lock', () => useReplica({ lock: 'yes' } as never, never)],
    ['usePrimary()', 'loc', () => usePrimary({ loc: true } as never, never)],
    ['usePrimary()', 'lock', () => usePrimary({ lock: 1 } as never, never)],
    ['usePrimary()', 'maxLagMs', () => usePrimary({ maxLagMs: 5 } as never, never)],
    ['usePrimary()', 'consistency', () => usePrimary({ consistency: 'eventual' } as never, never)],
    ['runWithReplication()', 'lock', () => runWithReplication({ lock: true } as never, never)],
    ['runWithReplication()', 'maxLagMs', () => runWithReplication({ maxLagMs: Number.NaN }, never)],
  ])('of %s is refused by name, before the function runs: %s', (where, setting, call) => {
    const error = thrownBy(call);
    expect(error).toMatchObject({ code: 'ERR_OPTION' });
    expect(String(error)).toContain(where);
    expect(String(error)).toContain(setting);
  });

  test('of runWithReplication() is refused also when it is the role', () => {
    expect(thrownBy(() => runWithReplication({ role: 'writer' } as never, never))).toMatchObject({
      code: 'ERR_ROLE',
      message: expect.stringContaining('runWithReplication()'),
    });
  });

  test('is refused inside a lock as well', () => {
    expect(
      thrownBy(() => usePrimary({ lock: true }, () => useReplica({ maxLagMs: -1 }, never))),
    ).toMatchObject({ code: 'ERR_OPTION' });
  });
});

describe('runWithReplication()', () => {
  test('is on the primary unless told otherwise', () => {
    expect(runWithReplication({}, currentReplication)).toMatchObject({ role: 'primary', reason: 'job' });
  });

  test('in role replica reads on replicas until it writes, and on the primary from then on', () => {
    runWithReplication({ role: 'slave' }, () => {
      expect(currentReplication()).toMatchObject({ role: 'replica', reason: 'job', wrote: false });
      write();
      expect(currentReplication()).toMatchObject({ role: 'primary', reason: 'own-write', wrote: true });
    });
  });

  test('in role replica with eventual consistency stays on replicas', () => {
    runWithReplication({ role: 'replica', consistency: 'eventual' }, () => {
      write();
      expect(role()).toBe('replica');
    });
  });

  test('tells an own write of one cluster from those of another', () => {
    runWithReplication({ role: 'replica' }, () => {
      write(posts);
      expect(currentReplication('posts').role).toBe('primary');
      expect(currentReplication('main').role).toBe('replica');
      expect(currentReplication('posts').role).toBe('primary');
    });
  });

  test('has a session of its own: within a request it neither sees the writes of that nor adds to them', () => {
    inGet(() => {
      write();
      runWithReplication({ role: 'replica' }, () => expect(currentReplication().wrote).toBe(false));
    });
    inGet(() => {
      runWithReplication({ role: 'replica' }, () => write());
      expect(currentReplication()).toMatchObject({ role: 'replica', wrote: false });
    });
  });

  test('may be switched inside', () => {
    runWithReplication({ role: 'replica' }, () => {
      expect(usePrimary(role)).toBe('primary');
      expect(role()).toBe('replica');
    });
  });

  test('returns what the function returns, and gives back the scope around it when that throws', async () => {
    await expect(runWithReplication({}, async () => 7)).resolves.toBe(7);
    inGet(() => {
      thrownBy(() =>
        runWithReplication({}, () => {
          throw new Error('a fault');
        }),
      );
      expect(currentReplication().reason).toBe('method');
    });
  });
});

describe('a scope follows its request', () => {
  test.each<[string, (fn: () => void) => void]>([
    ['a timer', (fn) => setTimeout(fn, 1)],
    ['an immediate', (fn) => setImmediate(fn)],
    ['the next tick', (fn) => process.nextTick(fn)],
    ['a microtask', (fn) => queueMicrotask(fn)],
    ['a promise', (fn) => void Promise.resolve().then(fn)],
    ['an event that it emits', (fn) => new EventEmitter().once('x', fn).emit('x')],
    ['a stream that it reads', (fn) => Readable.from(['x']).on('end', fn).resume()],
  ])('into %s', async (_, later) => {
    const scope = aRequest();
    const seen = runInScope(scope, () => new Promise((resolve) => later(() => resolve(currentScope()))));
    expect(await seen).toBe(scope);
  });

  test('and no other: 1,000 requests at once, each with awaits, timers, switches and writes', async () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const strangers: string[] = [];

    const step = async (id: string, expected: Role): Promise<void> => {
      await [() => sleep(random(5)), () => Promise.resolve(), () => new Promise(setImmediate)][random(3)]?.();
      const request = currentScope()?.session.request;
      if (request !== `GET /${id}`) strangers.push(`${id} saw ${request}`);
      if (role() !== expected) strangers.push(`${id} was ${role()}, not ${expected}`);
    };

    const handle = async (id: string, writes: boolean): Promise<void> => {
      await step(id, 'replica');
      await Promise.all([
        usePrimary(() => step(id, 'primary')),
        useReplica({ consistency: 'eventual' }, () => step(id, 'replica')),
        usePrimary({ lock: true }, () => useReplica(() => step(id, 'primary'))),
        usePrimary(() => step(id, 'primary').then(() => Promise.reject(new Error(id)))).catch(
          () => undefined,
        ),
      ]);
      if (writes) write();
      await step(id, writes ? 'primary' : 'replica');
    };

    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) =>
        runInScope(aRequest({ facts: { path: `/${i}` } }), () => handle(`${i}`, i % 3 === 0)),
      ),
    );
    expect(strangers).toEqual([]);
    expect(currentScope()).toBeUndefined();
  });

  test('and ends with it: what the caller does next is outside', async () => {
    inGet(() => undefined);
    expect(currentScope()).toBeUndefined();
    await inGet(() => sleep(1));
    expect(currentScope()).toBeUndefined();
    thrownBy(() =>
      inGet(() => {
        throw new Error('a fault');
      }),
    );
    expect(currentScope()).toBeUndefined();
  });

  test('but not to a listener that stands outside', async () => {
    const emitter = new EventEmitter();
    const heard = once(emitter, 'x').then(() => currentScope());
    inGet(() => emitter.emit('x'));
    expect(await heard).toBeUndefined();
  });
});
