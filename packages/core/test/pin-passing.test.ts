import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Cluster } from '../src/cluster-registry.js';
import { onReplicationEvent } from '../src/events.js';
import { exportPin, runWithPin } from '../src/pin-passing.js';
import { currentScope, runInScope, runWithReplication, useReplica } from '../src/scope.js';
import { aPin, aRequest, configWith, cookieHeader, further, noon, otherSecret, secret } from './requests.js';

const config = configWith({ pin: { forMs: 0 } });
const cluster: Cluster = {
  name: 'main',
  readOnly: false,
  currentPosition: async () => '5',
  join: further,
};

function write(): void {
  currentScope()?.session.beginWrite(cluster);
  currentScope()?.session.endWrite(cluster);
}

function decision(): unknown {
  return currentScope()?.decide('main');
}

const tokenOfWriter = (): Promise<string | undefined> =>
  runInScope(aRequest({ config, facts: { method: 'POST' } }), () => {
    write();
    return exportPin();
  });

afterEach(() => vi.unstubAllEnvs());

describe('a token for a job', () => {
  test('makes its reads see what the request has written', async () => {
    const token = await tokenOfWriter();
    runWithPin(token, { config }, () => {
      expect(decision()).toMatchObject({ role: 'replica', reason: 'caught-up', position: '5' });
    });
  });

  test('holds for a statement that begins only when it is awaited', async () => {
    const token = await tokenOfWriter();
    const decided = await runWithPin(token, { config }, (): PromiseLike<unknown> => {
      // biome-ignore lint/suspicious/noThenProperty: query builders have one
      return { then: (resolve, reject) => Promise.resolve(decision()).then(resolve, reject) };
    });
    expect(decided).toMatchObject({ role: 'replica', reason: 'caught-up', position: '5' });
  });

  test('keeps its reads on the primary for forMs', async () => {
    const token = await tokenOfWriter();
    runWithPin(token, { config: configWith() }, () => {
      expect(decision()).toMatchObject({ role: 'primary', reason: 'pin', writes: false });
    });
  });

  test('carries the pin that came with a request that only read', async () => {
    const cookie = cookieHeader(aPin(noon, { main: { position: '7' } }), config);
    const token = await runInScope(aRequest({ config, facts: { headers: { cookie } } }), exportPin);
    runWithPin(token, { config }, () => expect(decision()).toMatchObject({ position: '7' }));
  });

  test('does not exist where nothing was written, and outside any scope', async () => {
    expect(await runInScope(aRequest({ config }), exportPin)).toBeUndefined();
    expect(await exportPin()).toBeUndefined();
  });

  test('does not exist where pins are switched off', async () => {
    const off = configWith({ pin: false });
    const token = runInScope(aRequest({ config: off }), () => {
      write();
      return exportPin();
    });
    expect(await token).toBeUndefined();
  });
});

describe('a job', () => {
  test.each([undefined, null])('reads on replicas without a token, be it %j', (token) => {
    runWithPin(token as undefined, { config }, () => {
      expect(decision()).toMatchObject({ role: 'replica', reason: 'job', position: undefined });
    });
  });

  test.each([7, {}, ['a'], ''])('ignores %j, which is no token, and reports it', (token) => {
    const faults: string[] = [];
    const stop = onReplicationEvent('pin-ignored', (payload) => faults.push(payload.fault));
    runWithPin(token as string, { config }, () => expect(decision()).toMatchObject({ reason: 'job' }));
    stop();
    expect(faults).toEqual(['malformed']);
  });

  test('reads on the primary once it has written, and hands on a pin that covers that', async () => {
    const token = await tokenOfWriter();
    const later = await runWithPin(token, { config }, async () => {
      currentScope()?.session.beginWrite({ ...cluster, currentPosition: async () => '9' });
      currentScope()?.session.endWrite(cluster);
      expect(decision()).toMatchObject({ role: 'primary', reason: 'own-write' });
      return exportPin();
    });
    runWithPin(later, { config }, () => expect(decision()).toMatchObject({ position: '9' }));
  });

  test('knows nothing of the request that it was started in', async () => {
    const token = await tokenOfWriter();
    await runInScope(aRequest({ config, facts: { method: 'POST' } }), async () => {
      write();
      runWithPin(token, () => expect(decision()).toMatchObject({ role: 'replica', reason: 'caught-up' }));
      expect(decision()).toMatchObject({ role: 'primary' });
    });
  });

  test('prefers the position where a rule forces a replica', async () => {
    const token = await tokenOfWriter();
    runWithPin(token, { config }, () =>
      useReplica(() => expect(decision()).toMatchObject({ reason: 'forced', position: '5' })),
    );
  });

  test.each([
    ['signed with another secret', configWith({ secret: otherSecret }), 'signature'],
    ['expired', configWith({ now: () => noon + 300_000 }), 'expired'],
  ] as const)('ignores a token that is %s, and reports it', async (_, settings, fault) => {
    const token = await tokenOfWriter();
    const faults: string[] = [];
    const stop = onReplicationEvent('pin-ignored', (payload) => faults.push(payload.fault));
    runWithPin(token, { config: settings }, () => expect(decision()).toMatchObject({ reason: 'job' }));
    stop();
    expect(faults).toEqual([fault]);
  });
});

describe('the settings of a token', () => {
  test('are those of the environment where nobody gives any', async () => {
    vi.resetModules();
    vi.stubEnv('REPLICATION_SECRET', secret);
    const fresh = await import('../src/index.js');
    const { currentScope: scopeThere } = await import('../src/scope.js');
    const now = Date.now();
    const token = await fresh.runWithReplication({ role: 'replica' }, () => {
      scopeThere()?.session.beginWrite(cluster);
      scopeThere()?.session.endWrite(cluster);
      return fresh.exportPin();
    });
    fresh.runWithPin(token, { config: { secret, pin: { forMs: 0 }, now: () => now } }, () => {
      expect(scopeThere()?.decide('main')).toMatchObject({ reason: 'caught-up', position: '5' });
    });
  });

  test('are refused by name where they cannot be used', () => {
    const bad = { config: { secret: 'short' } };
    expect(() => runWithPin('x', bad, () => undefined)).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET' }),
    );
  });

  test('are kept from a job that has none: it does not see the scope around it', () => {
    runWithReplication({}, () => expect(currentScope()?.session.config).toBeUndefined());
  });
});
