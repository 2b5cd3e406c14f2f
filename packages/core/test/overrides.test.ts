import { describe, expect, test } from 'vitest';
import { compileOverrides, type Overrides, type RouteFacts } from '../src/overrides.js';
import type { Role } from '../src/role.js';
import { overridesOf } from './many-overrides.js';
import { thrownBy } from './requests.js';

/** The role that a map gives to `GET /path`, or undefined where it says nothing. */
function roleOf(overrides: Overrides, request: string, names: Partial<RouteFacts> = {}): Role | undefined {
  const [method = '', path = ''] = request.split(' ');
  return compileOverrides(overrides).find({ method, path, view: undefined, route: undefined, ...names })
    ?.role;
}

describe('a key', () => {
  test('with a method and a path fits that method alone', () => {
    const overrides: Overrides = { 'POST /search': 'replica' };
    expect(roleOf(overrides, 'POST /search')).toBe('replica');
    expect(roleOf(overrides, 'PUT /search')).toBeUndefined();
    expect(roleOf(overrides, 'GET /search')).toBeUndefined();
  });

  test('with a path alone fits every method', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'QUERY', 'X-OWN']) {
      expect(roleOf({ '/search': 'replica' }, `${method} /search`), method).toBe('replica');
    }
  });

  test('with a parameter fits one segment', () => {
    expect(roleOf({ '/posts/:id': 'primary' }, 'GET /posts/1')).toBe('primary');
    expect(roleOf({ '/posts/:id': 'primary' }, 'GET /posts')).toBeUndefined();
    expect(roleOf({ '/posts/:id': 'primary' }, 'GET /posts/1/comments')).toBeUndefined();
  });

  test('with a wildcard fits everything below', () => {
    expect(roleOf({ '/reports/*': 'replica' }, 'GET /reports/2026')).toBe('replica');
    expect(roleOf({ '/reports/*': 'replica' }, 'GET /reports/2026/06/01')).toBe('replica');
    expect(roleOf({ '/reports/*': 'replica' }, 'GET /reports')).toBeUndefined();
    expect(roleOf({ '/reports/*': 'replica' }, 'GET /reporting/2026')).toBeUndefined();
  });

  test("'/*' fits everything", () => {
    for (const path of ['/', '/a', '/a/b/c'])
      expect(roleOf({ '/*': 'replica' }, `GET ${path}`)).toBe('replica');
  });

  test("'/' fits the root alone", () => {
    expect(roleOf({ '/': 'replica' }, 'GET /')).toBe('replica');
    expect(roleOf({ '/': 'replica' }, 'GET /a')).toBeUndefined();
  });

  test('fits the view of its name, once it is known', () => {
    const overrides: Overrides = { 'PostsController.list': 'primary' };
    expect(roleOf(overrides, 'GET /posts', { view: 'PostsController.list' })).toBe('primary');
    expect(roleOf(overrides, 'GET /posts', { view: 'PostsController.show' })).toBeUndefined();
    expect(roleOf(overrides, 'GET /posts')).toBeUndefined();
  });

  test('fits the route of its name', () => {
    expect(roleOf({ 'posts:list': 'primary' }, 'GET /posts', { route: 'posts:list' })).toBe('primary');
  });

  test.each([
    ['primary', 'primary'],
    ['master', 'primary'],
    ['replica', 'replica'],
    ['slave', 'replica'],
  ] as const)('may have the value %s, which means %s', (value, role) => {
    expect(roleOf({ '/x': value }, 'GET /x')).toBe(role);
  });

  test('may have conditions, which come with the rule', () => {
    const table = compileOverrides({ '/x': { role: 'slave', maxLagMs: 50, consistency: 'eventual' } });
    expect(table.find({ method: 'GET', path: '/x', view: undefined, route: undefined })).toEqual({
      role: 'replica',
      maxLagMs: 50,
      consistency: 'eventual',
    });
  });
});

describe('the most specific key wins', () => {
  const order = ['/reports/today', '/reports/:day', '/reports/*', '/*'];

  test.each(order.flatMap((winner, i) => order.slice(i + 1).map((loser) => [winner, loser] as const)))(
    '%s over %s, in whatever order they are written',
    (winner, loser) => {
      expect(roleOf({ [winner]: 'primary', [loser]: 'replica' }, 'GET /reports/today')).toBe('primary');
      expect(roleOf({ [loser]: 'replica', [winner]: 'primary' }, 'GET /reports/today')).toBe('primary');
    },
  );

  test('a method beats any method at the same path', () => {
    const overrides: Overrides = { '/search': 'primary', 'POST /search': 'replica' };
    expect(roleOf(overrides, 'POST /search')).toBe('replica');
    expect(roleOf(overrides, 'PUT /search')).toBe('primary');
  });

  test('a method beats any method at the same path also where the parameters have other names', () => {
    const overrides: Overrides = { '/posts/:id': 'primary', 'POST /Posts/:post/': 'replica' };
    expect(roleOf(overrides, 'POST /posts/1')).toBe('replica');
    expect(roleOf(overrides, 'GET /posts/1')).toBe('primary');
  });

  test('a more specific path under any method beats a less specific one under a method', () => {
    const overrides: Overrides = { 'GET /posts/:id': 'replica', '/posts/new': 'primary' };
    expect(roleOf(overrides, 'GET /posts/new')).toBe('primary');
    expect(roleOf(overrides, 'GET /posts/7')).toBe('replica');
  });

  test('the keys of any method count beside those of a method', () => {
    const overrides: Overrides = { 'POST /search': 'replica', '/reports/*': 'replica' };
    expect(roleOf(overrides, 'POST /reports/1')).toBe('replica');
  });

  test('a name beats every path', () => {
    const overrides: Overrides = { 'posts.list': 'primary', 'GET /posts': 'replica' };
    expect(roleOf(overrides, 'GET /posts', { route: 'posts.list' })).toBe('primary');
  });

  test('a view beats a route name', () => {
    const overrides: Overrides = { 'Posts.list': 'primary', posts: 'replica' };
    expect(roleOf(overrides, 'GET /posts', { view: 'Posts.list', route: 'posts' })).toBe('primary');
  });

  test('a path decides where the names say nothing', () => {
    expect(roleOf({ '/posts': 'primary' }, 'GET /posts', { view: 'Posts.list', route: 'posts' })).toBe(
      'primary',
    );
  });
});

describe('HEAD', () => {
  test('follows the key of GET', () => {
    expect(roleOf({ 'GET /posts': 'primary' }, 'HEAD /posts')).toBe('primary');
  });

  test('has a key of its own before that of GET', () => {
    const overrides: Overrides = { 'GET /posts': 'primary', 'HEAD /posts': 'replica' };
    expect(roleOf(overrides, 'HEAD /posts')).toBe('replica');
    expect(roleOf(overrides, 'GET /posts')).toBe('primary');
  });

  test('follows the key of GET also where another route has a key of HEAD', () => {
    const overrides: Overrides = { 'GET /posts': 'primary', 'HEAD /health': 'replica' };
    expect(roleOf(overrides, 'HEAD /posts')).toBe('primary');
  });

  test('has no say over GET', () => {
    expect(roleOf({ 'HEAD /posts': 'primary' }, 'GET /posts')).toBeUndefined();
  });
});

describe('a path as the client sent it', () => {
  test.each([
    ['letters of another case', '/Reports/Daily', '/rEPORTS/dAILY'],
    ['a last slash', '/reports', '/reports/'],
    ['no last slash where the key has one', '/reports/', '/reports'],
    ['a query string', '/reports', '/reports?day=1'],
    ['a query string after a last slash', '/reports', '/reports/?day=1'],
    ['a query string that holds a path', '/reports', '/reports?/other'],
    ['a query string on the root', '/', '/?a=b'],
    ['a fragment', '/reports', '/reports#top'],
    ['percent-encoded letters', '/reports', '/%72eports'],
    ['percent-encoded letters of another alphabet', '/отчёты', encodeURI('/отчёты')],
    ['an encoded slash inside a parameter', '/posts/:id', '/posts/a%2Fb'],
    ['a broken percent sign in the query string', '/reports', '/reports?q=%'],
    ['a whole URL, as proxies send it', '/reports', 'http://example.com/reports'],
  ])('fits with %s', (_, key, path) => {
    expect(roleOf({ [key]: 'primary' }, `GET ${path}`)).toBe('primary');
  });

  test('fits with letters of another case beside a parameter of the same segment', () => {
    expect(roleOf({ '/files/:name.pdf': 'primary' }, 'GET /files/a.PDF')).toBe('primary');
  });

  test('fits when a parameter has 10,000 characters', () => {
    expect(roleOf({ '/posts/:id': 'primary' }, `GET /posts/${'x'.repeat(10_000)}`)).toBe('primary');
    expect(roleOf({ '/posts/*': 'primary' }, `GET /posts/${'x'.repeat(100_000)}`)).toBe('primary');
  });

  test.each([
    '/%',
    '/%zz',
    '/reports/%',
    '/reports/%E0%A4%A',
    '/reports/%C0%AF',
    '/reports/%FF',
    `/${'%25'.repeat(20_000)}`,
    '/\u0000',
    '/\uD800',
    '',
    '*',
    '?',
    '//',
    'http://',
    'http://[',
    'reports',
  ])('never makes a look-up throw: %j', (path) => {
    const table = compileOverrides({
      '/reports/:id': 'primary',
      '/reports/*': 'primary',
      'GET /a': 'replica',
    });
    const find = (): unknown => table.find({ method: 'GET', path, view: undefined, route: undefined });
    expect(find).not.toThrow();
  });

  test.each(['/reportsx', '/reports/x', '/xreports', '/report', '//reports'])(
    'does not fit when it is %s',
    (path) => {
      expect(roleOf({ '/reports': 'primary' }, `GET ${path}`)).toBeUndefined();
    },
  );
});

describe('two keys', () => {
  test.each([
    ['names of parameters', '/posts/:id', '/posts/:post'],
    ['the case of letters', '/posts', '/Posts'],
    ['a last slash', '/posts', '/posts/'],
    ['the number of spaces', 'GET /posts', 'GET  /posts'],
  ])('that differ only in %s contradict each other when they say different things', (_, one, other) => {
    const error = thrownBy(() => compileOverrides({ [one]: 'primary', [other]: 'replica' }));
    expect(error).toMatchObject({ code: 'ERR_OVERRIDE' });
    expect(String(error)).toContain(`'${one}'`);
    expect(String(error)).toContain(`'${other}'`);
  });

  test.each([
    ['names of parameters', '/posts/:id', '/posts/:post'],
    ['the case of letters', '/posts', '/Posts'],
    ['the case of letters beside a parameter', '/posts/:id.JSON', '/posts/:id.json'],
    ['a last slash', '/posts', '/posts/'],
  ])('that differ only in %s may stand together when they say the same', (_, one, other) => {
    const overrides: Overrides = { [one]: 'slave', [other]: { role: 'replica' } };
    expect(roleOf(overrides, 'GET /posts/1.json') ?? roleOf(overrides, 'GET /posts')).toBe('replica');
  });

  test('contradict each other also in their conditions', () => {
    const overrides: Overrides = {
      '/a': { role: 'replica', maxLagMs: 1 },
      '/A': { role: 'replica', maxLagMs: 2 },
    };
    expect(() => compileOverrides(overrides)).toThrow(expect.objectContaining({ code: 'ERR_OVERRIDE' }));
  });

  test('of different methods never contradict each other', () => {
    const overrides: Overrides = { 'GET /a': 'primary', 'POST /a': 'replica', '/a': 'primary' };
    expect(() => compileOverrides(overrides)).not.toThrow();
  });

  test("with '::', which stands for a colon, are two routes", () => {
    const overrides: Overrides = { '/jobs::run': 'primary', '/jobs::list': 'replica' };
    expect(roleOf(overrides, 'GET /jobs:list')).toBe('replica');
    expect(roleOf(overrides, 'GET /jobs:run')).toBe('primary');
  });
});

describe('a map that cannot be used', () => {
  test.each([
    ['an unknown role', { '/x': 'writer' }, 'ERR_ROLE', '/x'],
    ['an unknown condition', { '/x': { role: 'replica', lag: 1 } }, 'ERR_OPTION', '/x'],
    ['an unknown method', { 'FETCH /x': 'primary' }, 'ERR_OVERRIDE', 'FETCH /x'],
    ['a method in small letters', { 'get /x': 'primary' }, 'ERR_OVERRIDE', 'get /x'],
    ['a method without a path', { 'GET ': 'primary' }, 'ERR_OVERRIDE', 'GET '],
    ['an empty key', { '': 'primary' }, 'ERR_OVERRIDE', "['']"],
    ['a path with a space', { '/x y': 'primary' }, 'ERR_OVERRIDE', '/x y'],
    ['a relative path', { 'x/y': 'primary' }, 'ERR_OVERRIDE', 'x/y'],
    ['a star alone', { '*': 'primary' }, 'ERR_OVERRIDE', '*'],
    ['a star in the middle', { '/a/*/b': 'primary' }, 'ERR_OVERRIDE', '/a/*/b'],
    ['an open bracket', { '/a/:id(': 'primary' }, 'ERR_OVERRIDE', '/a/:id('],
    ['a bad expression', { '/a/:id([)': 'primary' }, 'ERR_OVERRIDE', '/a/:id([)'],
    ['an expression that can take for ever', { '/a/:id((a+)+)': 'primary' }, 'ERR_OVERRIDE', '/a/:id((a+)+)'],
    ['a query string, which no path has', { '/search?q=1': 'replica' }, 'ERR_OVERRIDE', '/search?q=1'],
    ['a fragment, which no path has', { '/search#top': 'replica' }, 'ERR_OVERRIDE', '/search#top'],
  ])('is refused, naming the key, because of %s', (_, overrides, code, key) => {
    const error = thrownBy(() => compileOverrides(overrides as Overrides));
    expect(error).toMatchObject({ name: 'ReplicationError', code });
    expect(String(error)).toContain(key);
  });
});

describe('names that every object has', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'];

  test.each(names)('%s fits nothing that was not written', (name) => {
    const table = compileOverrides({});
    expect(table.named(name)).toBeUndefined();
    expect(table.find({ method: name, path: `/${name}`, view: name, route: name })).toBeUndefined();
  });

  test.each(names)('%s may be a key', (name) => {
    const overrides: Overrides = JSON.parse(`{"${name}": "replica", "/${name}": "primary"}`);
    const table = compileOverrides(overrides);
    expect(table.named(name)?.role).toBe('replica');
    expect(roleOf(overrides, `GET /${name}`)).toBe('primary');
    expect(Object.hasOwn(Object.prototype, 'role')).toBe(false);
  });

  test('an inherited key is no key', () => {
    const overrides: Overrides = Object.create({ '/x': 'primary' });
    expect(roleOf(overrides, 'GET /x')).toBeUndefined();
  });
});

describe('a table of 1,000 keys', () => {
  const table = compileOverrides(overridesOf(1_000));
  const find = (i: number): Role | undefined =>
    table.find({
      method: 'GET',
      path:
        [`/section-${i}/page`, `/section-${i}/7/edit`, `/section-${i}/files/a/b`, `/nowhere`][i % 4] ?? '',
      view: i % 4 === 3 ? `Section${i}.list` : undefined,
      route: undefined,
    })?.role;

  test('gives every key its own answer', () => {
    for (let i = 0; i < 1_000; i++) expect(find(i), `key ${i}`).toBe(i % 2 === 0 ? 'primary' : 'replica');
  });

  test('gives none where none fits', () => {
    expect(roleOf(overridesOf(1_000), 'GET /section-4/pages')).toBeUndefined();
    expect(roleOf(overridesOf(1_000), 'POST /section-2/files/a')).toBeUndefined();
  });
});
