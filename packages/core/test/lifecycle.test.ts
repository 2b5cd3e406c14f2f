import { parseSetCookie } from 'cookie';
import { describe, expect, test, vi } from 'vitest';
import { type Cluster, registerCluster } from '../src/cluster-registry.js';
import { onReplicationEvent } from '../src/events.js';
import { RequestReplication, readyToSeal, type Seal, sealResponse } from '../src/lifecycle.js';
import type { ReplicationConfig } from '../src/options.js';
import { runInScope, runWithReplication, Scope, usePrimary, useReplica } from '../src/scope.js';
import { Session } from '../src/session.js';
import { inWords } from './pins.js';
import {
  aPin,
  aRequest,
  configWith,
  cookieHeader,
  further,
  main,
  noon,
  posts,
  readPinCookie,
} from './requests.js';

function write(scope: Scope, cluster: Cluster = main): void {
  scope.session.beginWrite(cluster);
  scope.session.endWrite(cluster);
}

/** The pin that a client holds after a response with this `Set-Cookie`. */
function pinIn(seal: Seal | undefined, config: ReplicationConfig): unknown {
  if (seal?.cookie === undefined) return undefined;
  const { name, value } = parseSetCookie(seal.cookie);
  const pin = readPinCookie(`${name}=${value}`, config, noon);
  return pin && inWords(pin);
}

function lateWritesDuring(fn: () => void): readonly unknown[] {
  const heard: unknown[] = [];
  const stop = onReplicationEvent('late-write', (payload) => heard.push(payload));
  fn();
  stop();
  return heard;
}

describe('a response', () => {
  const config = configWith();

  test('carries a pin when the request wrote, made at the time of the response', () => {
    const scope = aRequest({ config });
    write(scope);
    expect(pinIn(sealResponse(scope), config)).toEqual({ at: noon, marks: { main: 'clock' } });
  });

  test.each(['GET', 'HEAD', 'POST', 'DELETE'])('to %s carries none when the request only read', (method) => {
    const scope = aRequest({ config, facts: { method } });
    scope.decide('main');
    scope.session.noteUse('primary', 'primary', 'method');
    expect(sealResponse(scope)).toBeUndefined();
  });

  test.each(['GET', 'HEAD', 'POST', 'DELETE'])('to %s carries one when the request wrote', (method) => {
    const scope = aRequest({ config, facts: { method } });
    write(scope);
    expect(sealResponse(scope)?.cookie).toContain('replication_pin=');
  });

  test('to a pinned client that only read does not renew the pin, else it would never leave the primary', () => {
    const cookie = cookieHeader(aPin(noon - 1, { main: 'clock' }), config);
    const scope = aRequest({ config, facts: { headers: { cookie } } });
    expect(scope.decide('main').reason).toBe('pin');
    expect(sealResponse(scope)).toBeUndefined();
  });

  test('carries a pin when a write inside usePrimary() was the only one', () => {
    const scope = aRequest({ config });
    runInScope(scope, () => usePrimary(() => write(scope)));
    expect(sealResponse(scope)).toBeDefined();
  });

  test('has a secure cookie when the request came over HTTPS', () => {
    for (const secure of [true, false]) {
      const scope = aRequest({ config, facts: { secure } });
      write(scope);
      expect(parseSetCookie(sealResponse(scope)?.cookie ?? '').secure ?? false).toBe(secure);
    }
  });

  test('names each cluster that was written', () => {
    const scope = aRequest({ config });
    write(scope, main);
    write(scope, posts);
    expect(pinIn(sealResponse(scope), config)).toEqual({
      at: noon,
      marks: { main: 'clock', posts: 'clock' },
    });
  });

  test('keeps the pin of another cluster that the client came with', () => {
    const cookie = cookieHeader(aPin(noon - 60_000, { posts: { position: '1-2-3' } }), config);
    const scope = aRequest({ config, facts: { headers: { cookie } } });
    write(scope);
    expect(pinIn(sealResponse(scope), config)).toEqual({
      at: noon,
      marks: { posts: { position: '1-2-3' }, main: 'clock' },
    });
  });

  test('keeps nothing of a cookie that nobody here signed', () => {
    const forged = cookieHeader(aPin(noon, { posts: 'unknown' }), configWith({ secret: 'x'.repeat(32) }));
    const scope = aRequest({ config, facts: { headers: { cookie: forged } } });
    write(scope);
    expect(pinIn(sealResponse(scope), config)).toEqual({ at: noon, marks: { main: 'clock' } });
  });

  test('carries none when pins are switched off', () => {
    const scope = aRequest({ config: configWith({ pin: false }) });
    write(scope);
    expect(sealResponse(scope)).toBeUndefined();
  });

  test('carries none where there is no request to answer', () => {
    const scope = new Scope(new Session());
    write(scope);
    expect(sealResponse(scope)).toBeUndefined();
  });
});

describe('a write that is still open when the headers leave', () => {
  const config = configWith();

  test('makes the pin hold its full time, for its cluster alone', () => {
    const scope = aRequest({ config });
    write(scope, posts);
    scope.session.beginWrite(main);
    expect(pinIn(sealResponse(scope), config)).toEqual({
      at: noon,
      marks: { posts: 'clock', main: 'unknown' },
    });
  });

  test('is reported, with the request but without its query string', () => {
    const scope = aRequest({ facts: { method: 'POST', path: '/posts?token=secret' } });
    scope.session.beginWrite(main);
    expect(lateWritesDuring(() => sealResponse(scope))).toEqual([
      { cluster: 'main', request: 'POST /posts' },
    ]);
  });

  test('is reported once, when it is sealed once more and when it ends', () => {
    const scope = aRequest();
    scope.session.beginWrite(main);
    const heard = lateWritesDuring(() => {
      sealResponse(scope);
      sealResponse(scope);
      scope.session.endWrite(main);
    });
    expect(heard).toHaveLength(1);
  });

  test('is reported also when it began after they had left', () => {
    const scope = aRequest();
    const heard = lateWritesDuring(() => {
      sealResponse(scope);
      write(scope);
      write(scope, posts);
    });
    expect(heard).toEqual([
      { cluster: 'main', request: 'GET /' },
      { cluster: 'posts', request: 'GET /' },
    ]);
  });

  test('is not reported when it ended in time', () => {
    const scope = aRequest();
    write(scope);
    expect(lateWritesDuring(() => sealResponse(scope))).toEqual([]);
  });

  test('that began too late is read by the request itself all the same', () => {
    const scope = aRequest();
    sealResponse(scope);
    write(scope);
    expect(scope.decide('main').reason).toBe('own-write');
  });
});

describe('what has to be waited for before the headers leave', () => {
  const config = configWith();
  /** A cluster that counts how often it is asked, and tells what it is given. */
  function telling(position: string | undefined) {
    const currentPosition = vi.fn(async () => position);
    return { ...main, currentPosition };
  }

  test('is nothing for a request that has not written', () => {
    const scope = aRequest({ config });
    scope.decide('main');
    expect(readyToSeal(scope)).toBeUndefined();
  });

  test('is nothing where the engine has no positions', () => {
    const scope = aRequest({ config });
    write(scope);
    expect(readyToSeal(scope)).toBeUndefined();
  });

  test('is the position, which the pin then names', async () => {
    const scope = aRequest({ config });
    write(scope, telling('1-2-3'));
    await readyToSeal(scope);
    expect(pinIn(sealResponse(scope), config)).toEqual({ at: noon, marks: { main: { position: '1-2-3' } } });
  });

  test('is not asked for again by those who look once more', async () => {
    const cluster = telling('1-2-3');
    const scope = aRequest({ config });
    write(scope, cluster);
    await readyToSeal(scope);
    expect(readyToSeal(scope)).toBeUndefined();
    expect(cluster.currentPosition).toHaveBeenCalledTimes(1);
  });

  test('leaves a pin that holds its full time where nobody has waited for it', () => {
    const scope = aRequest({ config });
    write(scope, telling('1-2-3'));
    expect(pinIn(sealResponse(scope), config)).toEqual({ at: noon, marks: { main: 'unknown' } });
  });

  test('leaves a pin that holds its full time where it cannot be had', async () => {
    const scope = aRequest({ config });
    write(scope, telling(undefined));
    await readyToSeal(scope);
    expect(pinIn(sealResponse(scope), config)).toEqual({ at: noon, marks: { main: 'unknown' } });
  });

  test('does not move a pin that reaches further', async () => {
    const cookie = cookieHeader(aPin(noon - 1_000, { main: { position: '9' } }), config);
    const scope = aRequest({ config, facts: { headers: { cookie } } });
    write(scope, { ...telling('5'), join: further });
    await readyToSeal(scope);
    expect(pinIn(sealResponse(scope), config)).toEqual({ at: noon, marks: { main: { position: '9' } } });
  });

  test('is nothing once the headers have left', () => {
    const cluster = telling('1-2-3');
    const scope = aRequest({ config });
    sealResponse(scope);
    write(scope, cluster);
    expect(readyToSeal(scope)).toBeUndefined();
    expect(cluster.currentPosition).not.toHaveBeenCalled();
  });
});

describe('what a handler sees', () => {
  test('is the role of the request, and why', () => {
    const replication = new RequestReplication(aRequest());
    expect(replication).toMatchObject({ role: 'replica', reason: 'method', wrote: false, nodes: [] });
  });

  test('is the role of the place that asks, inside usePrimary()', () => {
    const scope = aRequest();
    const replication = new RequestReplication(scope);
    runInScope(scope, () => {
      usePrimary(() => expect([replication.role, replication.reason]).toEqual(['primary', 'forced']));
      expect(replication.role).toBe('replica');
    });
  });

  test('is its own request, wherever it is asked', () => {
    const replication = new RequestReplication(aRequest());
    runInScope(aRequest({ facts: { method: 'POST' } }), () => expect(replication.role).toBe('replica'));
    runWithReplication({}, () => expect(replication.role).toBe('replica'));
    useReplica(() => usePrimary(() => expect(replication.reason).toBe('method')));
  });

  test('changes when the request writes', () => {
    const scope = aRequest();
    const replication = new RequestReplication(scope);
    write(scope);
    expect(replication).toMatchObject({ role: 'primary', reason: 'own-write', wrote: true });
  });

  test('has the nodes that served it', () => {
    const scope = aRequest();
    scope.session.noteUse('replica-1', 'replica', 'method');
    expect(new RequestReplication(scope).nodes).toEqual([
      { node: 'replica-1', role: 'replica', reason: 'method' },
    ]);
  });

  test('is read-only while a cluster has no primary', () => {
    const replication = new RequestReplication(aRequest());
    const cluster = { name: 'main', readOnly: false };
    const forget = registerCluster(cluster);
    expect(replication.readOnly).toBe(false);
    cluster.readOnly = true;
    expect(replication.readOnly).toBe(true);
    forget();
    expect(replication.readOnly).toBe(false);
  });
});
