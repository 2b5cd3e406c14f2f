import { describe, expect, test, vi } from 'vitest';
import { onReplicationEvent } from '../src/events.js';
import { Session } from '../src/session.js';
import { aPin, aRequest, configWith, cookieHeader, main, noon, posts } from './requests.js';

describe('the name of a request, for messages', () => {
  test.each([
    ['/posts/1', 'GET /posts/1'],
    ['/posts?token=secret', 'GET /posts'],
    ['/posts#part', 'GET /posts'],
    ['/posts?a#b?c', 'GET /posts'],
    ['/?', 'GET /'],
    ['*', 'GET *'],
  ])('of %s is "%s"', (path, name) => {
    expect(aRequest({ facts: { path } }).session.request).toBe(name);
  });

  test('does not exist outside a request', () => {
    expect(new Session().request).toBeUndefined();
  });
});

describe('a request of GraphQL', () => {
  const post = (): ReturnType<typeof aRequest> => aRequest({ facts: { method: 'POST' } });

  test('follows its operation as soon as that is known', () => {
    const scope = post();
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'method' });
    scope.session.enterOperation('query');
    expect(scope.decide('main')).toMatchObject({ role: 'replica', reason: 'operation' });
  });

  test.each([
    [['query', 'query'], 'replica', false],
    [['query', 'subscription'], 'primary', false],
    [['subscription', 'query'], 'primary', false],
    [['query', 'mutation'], 'primary', true],
    [['mutation', 'query'], 'primary', true],
    [['mutation', 'subscription'], 'primary', true],
  ] as const)('that is a batch of %j goes to the %s', (operations, role, writes) => {
    const scope = post();
    for (const operation of operations) scope.session.enterOperation(operation);
    expect(scope.decide('main')).toMatchObject({ role, writes, reason: 'operation' });
  });

  test('keeps earlier decisions where another operation changes nothing', () => {
    const { session } = post();
    session.enterOperation('mutation');
    const { revision } = session;
    session.enterOperation('query');
    session.enterOperation('mutation');
    expect(session.revision).toBe(revision);
  });

  test('is the only thing that an operation counts for: a job keeps its role', () => {
    const session = new Session({ job: { role: 'replica' } });
    session.enterOperation('mutation');
    expect(session.decide(undefined, 'main')).toMatchObject({ role: 'replica', reason: 'job' });
  });
});

describe('the decision of a request', () => {
  test.each([
    ['GET', 'replica', 'method'],
    ['HEAD', 'replica', 'method'],
    ['POST', 'primary', 'method'],
    ['DELETE', 'primary', 'method'],
    ['OPTIONS', 'primary', 'method'],
    ['PROPFIND', 'primary', 'method'],
  ])('follows its method: %s goes to the %s', (method, role, reason) => {
    expect(aRequest({ facts: { method } }).decide('main')).toMatchObject({ role, reason });
  });

  test('takes other methods for reading ones where the settings say so', () => {
    const config = configWith({ safeMethods: ['QUERY'] });
    expect(aRequest({ config, facts: { method: 'QUERY' } }).decide('main').role).toBe('replica');
    expect(aRequest({ config, facts: { method: 'GET' } }).decide('main').role).toBe('primary');
  });

  test('takes no header for an order, unless the settings name it', () => {
    const headers = { 'x-replicated-state': 'primary' };
    expect(aRequest({ facts: { headers } }).decide('main').reason).toBe('method');
    const config = configWith({ forceHeader: 'X-Replicated-State' });
    expect(aRequest({ config, facts: { headers } }).decide('main')).toMatchObject({
      role: 'primary',
      reason: 'header',
    });
  });

  test.each(['writer', '', 'PRIMARY', 'primary, replica', ['primary', 'replica']])(
    'ignores a trusted header that names no role: %j',
    (value) => {
      const config = configWith({ forceHeader: 'x-role' });
      expect(aRequest({ config, facts: { headers: { 'x-role': value } } }).decide('main').reason).toBe(
        'method',
      );
    },
  );

  test('follows an override of its path, without the query string', () => {
    const config = configWith({ overrides: { '/reports/*': 'primary' } });
    expect(aRequest({ config, facts: { path: '/reports/1?a=b' } }).decide('main')).toMatchObject({
      role: 'primary',
      reason: 'override',
    });
  });

  test('follows an override of its route name', () => {
    const config = configWith({ overrides: { 'posts.list': 'primary' } });
    expect(aRequest({ config, facts: { route: 'posts.list' } }).decide('main').reason).toBe('override');
  });

  test('follows what the settings of its route force', () => {
    expect(aRequest({ rule: { role: 'primary' } }).decide('main')).toMatchObject({
      role: 'primary',
      reason: 'forced',
    });
  });

  test('changes when the view becomes known', () => {
    const config = configWith({ overrides: { 'Posts.list': 'primary' } });
    const scope = aRequest({ config });
    expect(scope.decide('main').reason).toBe('method');
    scope.session.enterView('Posts.list');
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'override' });
  });

  test('follows what the view forces, until another view is known', () => {
    const config = configWith({ overrides: { 'Posts.list': 'primary' } });
    const scope = aRequest({ config });
    scope.session.enterView('Posts.list', { role: 'replica', maxLagMs: 5 });
    expect(scope.decide('main')).toMatchObject({ role: 'replica', reason: 'forced', rule: { maxLagMs: 5 } });
    scope.session.enterView('Posts.list', { role: 'primary' });
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'forced' });
    scope.session.enterView('Posts.find');
    expect(scope.decide('main').reason).toBe('method');
  });

  test('follows a rule of its scope before what the view forces', () => {
    const scope = aRequest({ rule: { role: 'replica' } });
    scope.session.enterView('Posts.list', { role: 'primary' });
    expect(scope.decide('main')).toMatchObject({ role: 'replica', reason: 'forced' });
  });

  test('changes when the request writes, for the cluster that it wrote to', () => {
    const scope = aRequest();
    expect(scope.decide('main').role).toBe('replica');
    scope.session.beginWrite(main);
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'own-write' });
    expect(scope.decide('posts')).toMatchObject({ role: 'replica', reason: 'method' });
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'own-write' });
  });

  test('is remembered: the same object until something changes', () => {
    const scope = aRequest({ rule: { role: 'replica' } });
    const decision = scope.decide('main');
    expect(scope.decide('main')).toBe(decision);
    scope.session.enterView('Posts.list');
    expect(scope.decide('main')).not.toBe(decision);
  });
});

describe('the pin of a request', () => {
  const config = configWith();
  const withCookie = (cookie: string, settings = config) =>
    aRequest({ config: settings, facts: { headers: { cookie } } });

  test('keeps reads of its cluster on the primary', () => {
    const scope = withCookie(cookieHeader(aPin(noon - 4_999, { main: 'clock' }), config));
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'pin', writes: false });
    expect(scope.decide('posts')).toMatchObject({ role: 'replica', reason: 'method' });
  });

  test('does so no longer than forMs', () => {
    const scope = withCookie(cookieHeader(aPin(noon - 5_000, { main: 'clock' }), config));
    expect(scope.decide('main').reason).toBe('method');
    expect(scope.session.pin?.marks.has('main')).toBe(true);
  });

  test('asks for its position from forMs on, of its cluster alone', () => {
    const scope = withCookie(cookieHeader(aPin(noon - 5_000, { main: { position: 'P' } }), config));
    expect(scope.decide('main')).toMatchObject({ role: 'replica', reason: 'caught-up', position: 'P' });
    expect(scope.decide('posts')).toMatchObject({ reason: 'method', position: undefined });
  });

  test('asks for its position at once where forMs is 0', () => {
    const eager = configWith({ pin: { forMs: 0 } });
    const scope = withCookie(cookieHeader(aPin(noon, { main: { position: 'P' } }), eager), eager);
    expect(scope.decide('main')).toMatchObject({ role: 'replica', reason: 'caught-up', position: 'P' });
  });

  test('tells each statement what it names, whatever sends it where, of its cluster alone', () => {
    const cookie = cookieHeader(aPin(noon, { main: { position: 'P' } }), config);
    const post = aRequest({ config, facts: { method: 'POST', headers: { cookie } } });
    expect(post.decide('main')).toMatchObject({ reason: 'method', writes: true, pinned: 'P' });
    expect(post.decide('posts').pinned).toBeUndefined();
    expect(withCookie(cookie).decide('main')).toMatchObject({ reason: 'pin', pinned: 'P' });
    const forced = aRequest({ config, facts: { headers: { cookie } }, rule: { role: 'primary' } });
    expect(forced.decide('main')).toMatchObject({ reason: 'forced', pinned: 'P' });
  });

  test('gives way to a write of the request itself', () => {
    const scope = withCookie(cookieHeader(aPin(noon - 5_000, { main: { position: 'P' } }), config));
    scope.session.beginWrite(main);
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'own-write' });
  });

  test('is judged by the moment at which the request began', () => {
    let now = noon;
    const moving = configWith({ now: () => now });
    const scope = withCookie(cookieHeader(aPin(noon - 4_000, { main: 'clock' }), moving), moving);
    now += 600_000;
    expect(scope.decide('main').reason).toBe('pin');
    scope.session.enterView('Posts.list');
    expect(scope.decide('main').reason).toBe('pin');
  });

  test('is judged by the settings of now, not by those under which it was made', () => {
    const cookie = cookieHeader(aPin(noon - 1_000, { main: { position: 'P' } }), config);
    expect(withCookie(cookie, config).decide('main').reason).toBe('pin');
    expect(withCookie(cookie, configWith({ pin: { forMs: 500 } })).decide('main').reason).toBe('caught-up');
    expect(withCookie(cookie, configWith({ pin: false })).decide('main').reason).toBe('method');
  });

  test('does nothing when nobody here signed it', () => {
    const elsewhere = configWith({ secret: 'x'.repeat(32) });
    const scope = withCookie(cookieHeader(aPin(noon, { main: 'unknown' }), elsewhere));
    expect(scope.decide('main')).toMatchObject({ role: 'replica', reason: 'method' });
  });

  test('is read once, and reported once when it is ignored', () => {
    let ignored = 0;
    const stop = onReplicationEvent('pin-ignored', () => ignored++);
    const scope = withCookie('replication_pin=nonsense');
    for (const cluster of ['main', 'posts', 'main']) scope.decide(cluster);
    expect(scope.session.pin).toBeUndefined();
    stop();
    expect(ignored).toBe(1);
  });

  test('is not read before it is needed', () => {
    let ignored = 0;
    const stop = onReplicationEvent('pin-ignored', () => ignored++);
    withCookie('replication_pin=nonsense');
    stop();
    expect(ignored).toBe(0);
  });
});

describe('what a request has written', () => {
  test('is nothing at first', () => {
    const { session } = aRequest();
    expect(session.wrote()).toBe(false);
    expect([...session.moves]).toEqual([]);
  });

  test('is known from the moment at which a write begins, for each cluster', () => {
    const { session } = aRequest();
    session.beginWrite(main);
    expect([session.wrote(), session.wrote('main'), session.wrote('posts')]).toEqual([true, true, false]);
  });

  test('has an unknown position while any write is open', () => {
    const { session } = aRequest();
    session.beginWrite(main);
    session.beginWrite(main);
    session.endWrite(main);
    session.beginWrite(posts);
    session.endWrite(posts);
    expect(session.moves.get('main')).toBe('unknown');
    expect(session.moves.get('posts')).not.toBe('unknown');
    session.endWrite(main);
    expect(session.moves.get('main')).not.toBe('unknown');
  });

  test('has nothing to wait for once the headers have left', async () => {
    const { session } = aRequest();
    const cluster = { ...main, currentPosition: async () => 'P' };
    session.beginWrite(cluster);
    session.endWrite(cluster);
    session.sealHeaders();
    expect(session.settle()).toBeUndefined();
    expect(session.moves.get('main')).toBe('unknown');
  });

  test('is announced once, by its first write to any cluster', () => {
    const { session } = aRequest();
    const observer = { pinMoves: vi.fn() };
    session.pinObserver = observer;
    session.beginWrite(main);
    session.beginWrite(main);
    session.beginWrite(posts);
    expect(observer.pinMoves).toHaveBeenCalledTimes(1);
  });

  test('is not announced when it comes too late to be pinned', () => {
    const { session } = aRequest();
    const observer = { pinMoves: vi.fn() };
    session.pinObserver = observer;
    session.sealHeaders();
    session.beginWrite(main);
    expect(observer.pinMoves).not.toHaveBeenCalled();
  });
});

describe('the nodes that have served a request', () => {
  test('stand in the order of their first use, each with its role and reason, once', () => {
    const { session } = aRequest();
    session.noteUse('replica-1', 'replica', 'method');
    session.noteUse('replica-1', 'replica', 'method');
    session.noteUse('primary', 'primary', 'write');
    session.noteUse('replica-1', 'replica', 'method');
    session.noteUse('primary', 'primary', 'own-write');
    session.noteUse('primary', 'primary', 'write');
    expect(session.uses).toEqual([
      { node: 'replica-1', role: 'replica', reason: 'method' },
      { node: 'primary', role: 'primary', reason: 'write' },
      { node: 'primary', role: 'primary', reason: 'own-write' },
    ]);
  });
});
