import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSameNode, type NodeOptions, resolveNodes } from '../src/node-options.js';
import { type ReplicatedPoolOptions, resolvePoolOptions } from '../src/options.js';

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

describe('a connection string with several hosts is several nodes', () => {
  const several = 'postgresql://ada:hunter2@h1:5433,[::1]/db';
  const both = ['h1:5433', '[::1]:5432'];

  it.each<[string, ReplicatedPoolOptions]>([
    ['as nodes', { nodes: several }],
    ['in the list of nodes', { nodes: [several] }],
    ['as the primary', { primary: several }],
    ["as the pool's own", { connectionString: several }],
    ["as a node's own", { nodes: [{ connectionString: several }] }],
  ])('%s', (_, options) => {
    expect(names(options)).toEqual(both);
    for (const { config } of resolvePoolOptions(options).nodes) {
      expect(config).toMatchObject({ user: 'ada', password: 'hunter2', database: 'db' });
    }
  });

  it('as DATABASE_URL, and among DATABASE_REPLICA_URLS', () => {
    process.env.DATABASE_URL = several;
    process.env.DATABASE_REPLICA_URLS = 'postgresql://r1,r2/db,postgresql://r3/db';
    expect(names()).toEqual([...both, 'r1:5432', 'r2:5432', 'r3:5432']);
  });

  it('which a name cannot stand for', () => {
    const nodes = [{ name: 'one', connectionString: several }];
    expect(() => names({ nodes })).toThrow("two nodes are called 'one'");
  });

  it('which have the address that libpq gives them', () => {
    const [first, second] = resolvePoolOptions({ nodes: several }).nodes;
    expect(first?.config).toMatchObject({ host: 'h1', port: '5433' });
    expect(second?.config).toMatchObject({ host: '::1', port: '' });
  });
});

describe('what libpq may be asked for in a connection string', () => {
  it.each(['any', 'read-write', 'primary', 'prefer-standby'])(
    'target_session_attrs=%s is ignored',
    (value) => {
      const [node] = resolvePoolOptions({ nodes: `postgresql://h1/db?target_session_attrs=${value}` }).nodes;
      expect(node?.config).not.toHaveProperty('target_session_attrs');
    },
  );

  it.each(['read-only', 'standby', 'nonsense'])('target_session_attrs=%s is ERR_OPTION', (value) => {
    const nodes = `postgresql://h1,h2/db?target_session_attrs=${value}`;
    expect(() => names({ nodes })).toThrow(/^connectionString: .*target_session_attrs/);
  });

  it('load_balance_hosts is ignored', () => {
    const [node] = resolvePoolOptions({ nodes: 'postgresql://h1/db?load_balance_hosts=random&a=b' }).nodes;
    expect(node?.config).not.toHaveProperty('load_balance_hosts');
    expect(node?.config).toHaveProperty('a', 'b');
  });
});

describe('discovery', () => {
  const discover = async (): Promise<readonly NodeOptions[]> => [];

  it.each<[string, ReplicatedPoolOptions]>([
    ['discover', { discover, nodes: 'postgresql://a' }],
    ['discover', { discover, primary: 'postgresql://a' }],
    ['discover', { discover, replicas: [] }],
    ['discover', { discover: 'http://a' as never }],
    ['connectionString', { discover, connectionString: 'postgresql://[' }],
    ['discoverIntervalMs', { discover, discoverIntervalMs: 0 }],
    ['discoverIntervalMs', { discover, discoverIntervalMs: Number.POSITIVE_INFINITY }],
    ['discoverTimeoutMs', { discover, discoverTimeoutMs: '5' as never }],
  ])('an option that cannot be used is ERR_OPTION, naming it: %s: %j', (name, options) => {
    expect(() => resolvePoolOptions(options)).toThrow(new RegExp(`^${name}: `));
  });

  it('begins with no nodes', () => {
    process.env.DATABASE_URL = 'postgresql://ada@a/db';
    expect(names({ discover })).toEqual([]);
  });

  it("gives nodes what they do not say from the pool's settings", () => {
    const { discoveryBase } = resolvePoolOptions({
      discover,
      user: 'ada',
      password: 'hunter2',
      host: 'x',
      max: 3,
    });
    const [node] = resolveNodes(discoveryBase, [{ host: 'a', port: 1 }]);
    expect(node).toMatchObject({
      name: 'a:1',
      config: { host: 'a', port: 1, user: 'ada', password: 'hunter2', max: 3 },
    });
  });

  it('gives nodes what they do not say from DATABASE_URL, but for its hosts', () => {
    process.env.DATABASE_URL = 'postgresql://ada:hunter2@x,y/db';
    const { discoveryBase } = resolvePoolOptions({ discover });
    expect(resolveNodes(discoveryBase, [{ host: 'a' }, { host: 'b' }])).toMatchObject([
      { config: { host: 'a', user: 'ada', password: 'hunter2', database: 'db' } },
      { config: { host: 'b', user: 'ada', password: 'hunter2', database: 'db' } },
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no list', { host: 'a' }],
    ['an empty list', []],
    ['a list of what are no nodes', [7]],
    ['one node twice', [{ host: 'a' }, { host: 'a' }]],
    [
      'one name twice',
      [
        { name: 'a', host: 'a' },
        { name: 'a', host: 'b' },
      ],
    ],
    ['a name that is none', [{ name: 7, host: 'a' }]],
    ['a name of several lines', [{ name: 'a\nb', host: 'a' }]],
    ['a host that is none', [{ host: 7 }]],
    ['more nodes than can be', Array.from({ length: 257 }, (_, index) => ({ host: `h${index}` }))],
    [
      'more nodes than can be, in one',
      [`postgresql://${Array.from({ length: 257 }, (_, index) => `h${index}`)}/db`],
    ],
  ])('refuses %s', (_, found) => {
    expect(() => resolveNodes({}, found as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});

describe('two nodes of one name', () => {
  const resolve = (node: NodeOptions) => resolveNodes({ user: 'ada' }, [node])[0] as never;
  const ssl = { servername: 'db' };

  it.each<[string, boolean, NodeOptions, NodeOptions]>([
    [
      'with equal settings are one',
      true,
      { name: 'a', host: 'h', ssl: { ...ssl } },
      { name: 'a', host: 'h', ssl },
    ],
    ['with another address are two', false, { name: 'a', host: 'h' }, { name: 'a', host: 'i' }],
    [
      'with another port are two',
      false,
      { name: 'a', host: 'h', port: 1 },
      { name: 'a', host: 'h', port: 2 },
    ],
    ['with another password are two', false, { host: 'h', password: 'x' }, { host: 'h', password: 'y' }],
    [
      'with other settings of TLS are two',
      false,
      { host: 'h', ssl },
      { host: 'h', ssl: { servername: 'x' } },
    ],
  ])('%s', (_, same, a, b) => {
    expect(isSameNode(resolve(a), resolve(b))).toBe(same);
  });
});
