import { inspect } from 'node:util';
import { ReplicationError } from '@node-replicated/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ReplicatedPoolOptions, resolvePoolOptions } from '../src/options.js';
import { ReplicatedPool } from '../src/replicated-pool.js';

const kept = { ...process.env };
beforeEach(() => {
  for (const name of ['DATABASE_URL', 'DATABASE_REPLICA_URLS', 'PGHOST', 'PGPORT']) delete process.env[name];
});
afterEach(() => {
  process.env = { ...kept };
});

function names(options?: ReplicatedPoolOptions): string[] {
  return resolvePoolOptions(options).nodes.map(({ name }) => name);
}

function thrownBy(fn: () => unknown): Error {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Nothing was thrown.');
}

describe('an option that cannot be used is ERR_OPTION, naming it', () => {
  const durations = ['maxLagMs', 'probeIntervalMs', 'probeTimeoutMs', 'downtimeMs', 'failureThreshold'];
  const bad: [string, ReplicatedPoolOptions][] = [
    ...durations.flatMap((name) =>
      [0, -1, Number.NaN, '5', null].map((value): [string, ReplicatedPoolOptions] => [
        name,
        { [name]: value } as never,
      ]),
    ),
    // A timer that is set to infinity fires at once.
    ...['probeIntervalMs', 'probeTimeoutMs', 'failoverWaitMs'].flatMap((name) =>
      [Number.POSITIVE_INFINITY, 2 ** 31].map((value): [string, ReplicatedPoolOptions] => [
        name,
        { [name]: value },
      ]),
    ),
    ['failoverWaitMs', { failoverWaitMs: -1 }],
    ['failoverWaitMs', { failoverWaitMs: '5' as never }],
    ['name', { name: '' }],
    ['name', { name: 'with space' }],
    ['name', { name: 'x'.repeat(33) }],
    ['name', { name: 5 as never }],
    ['balance', { balance: 'fairest' as never }],
    ['balance', { balance: null as never }],
    ['onWriteInReplicaScope', { onWriteInReplicaScope: 'ignore' as never }],
    ['nodes', { nodes: [] }],
    ['nodes', { nodes: {} as never }],
    ['nodes', { nodes: [5 as never] }],
    ['nodes', { nodes: [null as never] }],
    ['nodes', { nodes: ['postgresql://a'], primary: 'postgresql://b' }],
    ['nodes', { nodes: ['postgresql://a'], replicas: ['postgresql://b'] }],
    ['nodes', { nodes: ['postgresql://a', 'postgresql://a'] }],
    ['nodes', { nodes: [{ name: 'a' }, { name: 'a', host: 'b' }] }],
    ['replicas', { replicas: 'postgresql://a' as never }],
    ['connectionString', { primary: 'postgresql://[' }],
    ['primaryReads.max', { primaryReads: { max: 0 } }],
    ['primaryReads.max', { primaryReads: { max: '5' as never } }],
    ['logger', { logger: null as never }],
    ['logger', { logger: (() => undefined) as never }],
    ['logger', { logger: { info: () => undefined, warn: () => undefined } as never }],
    ['primaryReads.queueTimeoutMs', { primaryReads: { queueTimeoutMs: -1 } }],
    ['primaryReads.queueTimeoutMs', { primaryReads: { queueTimeoutMs: Number.POSITIVE_INFINITY } }],
    ['primaryReads.maxQueue', { primaryReads: { maxQueue: -1 } }],
    ['primaryReads.maxQueue', { primaryReads: { maxQueue: null as never } }],
    ['primaryReads', { primaryReads: 5 as never }],
    ['staleIfError', { staleIfError: 1 as never }],
    ['slowStartMs', { slowStartMs: -1 }],
    ['slowStartMs', { slowStartMs: '5' as never }],
    ['zone', { zone: '' }],
    ['zone', { zone: 5 as never }],
    ['zone', { nodes: [{ zone: 5 as never }] }],
    ['weight', { nodes: [{ weight: 0 }] }],
    ['weight', { nodes: [{ weight: 101 }] }],
    ['weight', { nodes: [{ weight: '5' as never }] }],
    ['primaryReads', { primaryReads: null as never }],
  ];

  it.each(bad)('%s: %j', (name, options) => {
    const error = thrownBy(() => new ReplicatedPool(options));
    expect(error).toBeInstanceOf(ReplicationError);
    expect(error).toMatchObject({ code: 'ERR_OPTION' });
    expect(error.message.startsWith(`${name}: `)).toBe(true);
  });
});

describe('defaults', () => {
  it('are those that the documentation states', () => {
    expect(resolvePoolOptions()).toMatchObject({
      name: 'main',
      balance: 'least-busy',
      onWriteInReplicaScope: 'route',
      maxLagMs: 10_000,
      probeIntervalMs: 1_000,
      probeTimeoutMs: 500,
      failureThreshold: 3,
      downtimeMs: 60_000,
      waitMs: 5_000,
      slowStartMs: 10_000,
      zone: undefined,
      staleIfError: false,
      primaryReads: { max: undefined, queueTimeoutMs: 2_000, maxQueue: 1_000 },
    });
  });

  it('are frozen', () => {
    const settings = resolvePoolOptions({ primary: 'postgresql://a' });
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.nodes[0]?.config)).toBe(true);
  });

  it('a statement waits no longer for a node than for a connection', () => {
    expect(resolvePoolOptions({ connectionTimeoutMillis: 300 }).waitMs).toBe(300);
    expect(resolvePoolOptions({ connectionTimeoutMillis: 0 }).waitMs).toBe(5_000);
    expect(resolvePoolOptions({ connectionTimeoutMillis: 9_000 }).waitMs).toBe(5_000);
  });

  it('a read waits no longer for its turn on the primary than for a connection', () => {
    const patience = (connectionTimeoutMillis: number): number =>
      resolvePoolOptions({ connectionTimeoutMillis }).primaryReads.queueTimeoutMs;
    expect([300, 0, 9_000].map(patience)).toEqual([300, 2_000, 2_000]);
  });

  it('an unbounded lag is allowed', () => {
    expect(resolvePoolOptions({ maxLagMs: Number.POSITIVE_INFINITY }).maxLagMs).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe('names', () => {
  it('are host and port', () => {
    expect(
      names({ primary: 'postgresql://u:p@db.example:5433/app', replicas: ['postgresql://b/app'] }),
    ).toEqual(['db.example:5433', 'b:5432']);
  });

  it('are those that the nodes were given', () => {
    expect(names({ primary: { name: 'one', host: 'a' }, replicas: [{ name: 'two', host: 'a' }] })).toEqual([
      'one',
      'two',
    ]);
  });

  it('tell databases of one server apart', () => {
    expect(names({ nodes: ['postgresql://a/x', 'postgresql://a/y'] })).toEqual(['a:5432/x', 'a:5432/y']);
  });

  it('follow PGHOST and PGPORT as pg does', () => {
    process.env.PGHOST = 'somewhere';
    process.env.PGPORT = '6000';
    expect(names()).toEqual(['somewhere:6000']);
  });

  it('hold no user and no password', () => {
    expect(names({ primary: 'postgresql://ada:hunter2@a:1/x' }).join()).not.toMatch(/ada|hunter2/);
  });
});

describe('the environment', () => {
  it('gives the primary and the replicas', () => {
    process.env.DATABASE_URL = 'postgresql://a';
    process.env.DATABASE_REPLICA_URLS = 'postgresql://b , postgresql://c,';
    expect(names()).toEqual(['a:5432', 'b:5432', 'c:5432']);
  });

  it('gives no replicas to a primary that was given otherwise', () => {
    process.env.DATABASE_URL = 'postgresql://a';
    process.env.DATABASE_REPLICA_URLS = 'postgresql://b';
    expect(names({ primary: 'postgresql://x' })).toEqual(['x:5432']);
    expect(names({ connectionString: 'postgresql://x' })).toEqual(['x:5432']);
    expect(names({ host: 'x' })).toEqual(['x:5432']);
  });

  it('gives the primary to replicas that were given', () => {
    process.env.DATABASE_URL = 'postgresql://a';
    process.env.DATABASE_REPLICA_URLS = 'postgresql://b';
    expect(names({ replicas: ['postgresql://x'] })).toEqual(['a:5432', 'x:5432']);
  });

  it('does nothing where nodes are given', () => {
    process.env.DATABASE_URL = 'postgresql://a';
    expect(names({ nodes: ['postgresql://x'] })).toEqual(['x:5432']);
  });
});

describe("a node's settings", () => {
  const configs = (options: ReplicatedPoolOptions): object[] =>
    resolvePoolOptions(options).nodes.map(({ config }) => config);

  it("are the pool's, under its own", () => {
    expect(
      configs({
        max: 5,
        user: 'ada',
        primary: { host: 'a' },
        replicas: [{ host: 'b', user: 'bob', max: 2 } as never],
      }),
    ).toMatchObject([
      { host: 'a', user: 'ada', max: 5 },
      { host: 'b', user: 'bob', max: 2 },
    ]);
  });

  it("are those of its connection string over the pool's", () => {
    expect(configs({ user: 'ada', database: 'x', primary: 'postgresql://bob@a:1/y' })).toMatchObject([
      { host: 'a', port: '1', user: 'bob', database: 'y' },
    ]);
  });

  it("own host goes before the pool's connection string, which gives the rest", () => {
    expect(
      configs({
        connectionString: 'postgresql://ada:hunter2@a:1/x',
        replicas: [{ host: 'b', name: 'second' }],
      }),
    ).toMatchObject([
      { host: 'a', user: 'ada' },
      { host: 'b', user: 'ada', password: 'hunter2', database: 'x' },
    ]);
  });

  it('keep a password, from wherever it comes', () => {
    expect(
      configs({
        password: 'of the pool',
        nodes: [{ host: 'a' }, { host: 'b', password: 'of its own' }, 'postgresql://u:of-the-url@c'],
      }),
    ).toMatchObject([{ password: 'of the pool' }, { password: 'of its own' }, { password: 'of-the-url' }]);
  });

  it('keep a password that is a function', () => {
    const password = (): string => 'asked for';
    expect(configs({ primary: { host: 'a' }, password })).toMatchObject([{ password }]);
  });

  it("do not hold the pool's own options", () => {
    const [config] = configs({ primary: 'postgresql://a', maxLagMs: 5, balance: 'random', name: 'x' });
    expect(Object.keys(config ?? {})).not.toEqual(expect.arrayContaining(['maxLagMs']));
    expect(config).not.toHaveProperty('balance');
    expect(config).not.toHaveProperty('replicas');
  });
});

describe('a password', () => {
  it.each<[string, ReplicatedPoolOptions]>([
    ['of a connection string', { primary: 'postgresql://ada:hunter2@127.0.0.1:1/x' }],
    ['of a list of nodes', { nodes: ['postgresql://ada:hunter2@127.0.0.1:1/x'] }],
    ['of a node', { primary: { host: '127.0.0.1', port: 1, password: 'hunter2' } }],
    [
      'of a replica',
      { primary: { host: '127.0.0.1', port: 1 }, replicas: [{ port: 2, password: 'hunter2' }] },
    ],
    ['of the pool', { host: '127.0.0.1', port: 1, password: 'hunter2' }],
  ])('%s does not show when the pool is inspected', async (_, options) => {
    const pool = new ReplicatedPool(options);
    const seen = [inspect(pool, { depth: 10 }), JSON.stringify(pool), JSON.stringify(pool.status())];
    await pool.end();
    for (const text of seen) expect(text).not.toContain('hunter2');
  });

  it('does not show in the error about its connection string', () => {
    const error = thrownBy(() => new ReplicatedPool({ primary: 'postgresql://ada:hunter2@[' }));
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2');
  });
});
