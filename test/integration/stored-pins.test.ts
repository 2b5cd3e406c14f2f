import { setImmediate } from 'node:timers/promises';
import { MemoryPinStore, type PinStore, type PinStoreOptions } from '@node-replicated/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goOn, newText, notesPages, patient, returnsToReplica, shown, standStill } from './notes-sites.js';
import { cluster, pool, stagePool } from './pool-stage.js';
import { frameworks, openSite, type RawPage, type Reply, type Site, send } from './sites.js';
import { eventually, heard, insert } from './stage.js';

stagePool({ options: patient });

afterEach(() => goOn(cluster));

let text: string;
let key: string;
beforeEach(() => {
  text = newText();
  key = `key of ${text}`;
});

/** Both frameworks' requests have their headers here. */
function identify(request: object): string | undefined {
  const headers: unknown = Reflect.get(request, 'headers');
  const found: unknown = Reflect.get(headers as object, 'x-api-key');
  return typeof found === 'string' ? found : undefined;
}

function keptIn(store: PinStore): { cookie: false; pin: { forMs: number }; pinStore: PinStoreOptions } {
  return { cookie: false, pin: { forMs: 0 }, pinStore: { store, identify, timeoutMs: 200 } };
}

/** Pages that answer first and write then. */
const late: Readonly<Record<string, RawPage>> = {
  'POST /late': async (req, res) => {
    res.end('taken');
    await setImmediate();
    await pool.query(insert(String(req.headers['x-text'])));
  },
  'GET /events': async (req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.write('data: begun\n\n');
    await pool.query(insert(String(req.headers['x-text'])));
    res.end('data: written\n\n');
  },
};

function write(site: Site, headers = {}): Promise<Reply> {
  return send(site, 'POST /notes', { 'x-text': text, 'x-api-key': key, ...headers });
}

async function read(site: Site, headers = {}): Promise<unknown> {
  return shown(await send(site, 'GET /notes', { 'x-text': text, 'x-api-key': key, ...headers }));
}

describe('two servers that share a store', () => {
  it.for([
    ['Express', 'Fastify'],
    ['Fastify', 'Express'],
  ] as const)('what a client has written through %s, it sees through %s', async ([one, another]) => {
    const store = new MemoryPinStore();
    await using first = await openSite(
      one,
      notesPages(() => pool),
      keptIn(store),
    );
    await using second = await openSite(
      another,
      notesPages(() => pool),
      keptIn(store),
    );
    await standStill(cluster);
    expect((await write(first)).headers.getSetCookie()).toEqual([]);
    expect(await read(second)).toEqual({ count: 1, from: 'primary pin' });
    expect(await read(second, { 'x-api-key': 'somebody else' })).toEqual({
      count: 0,
      from: 'replica method',
    });
    await goOn(cluster);
    await returnsToReplica(() => read(second), 1);
  });
});

describe.for(frameworks)('on %s', (framework) => {
  const failing = {
    hangs: () => new Promise<never>(() => undefined),
    rejects: () => Promise.reject(new Error('The store is down.')),
    throws: () => {
      throw new Error('The store is broken.');
    },
  };

  it('without a store a client that keeps no cookie misses its write', async () => {
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      { cookie: false, pin: { forMs: 0 } },
    );
    await standStill(cluster);
    await write(site);
    expect(await read(site)).toEqual({ count: 0, from: 'replica method' });
  });

  it.for(Object.entries(failing))('a store that %s costs nobody an answer', async ([, fail]) => {
    const store = { get: fail, advance: fail };
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      keptIn(store),
    );
    await standStill(cluster);
    const failures = await heard('pin-store-failed', async () => {
      expect((await write(site)).status).toBe(200);
      expect(await read(site)).toEqual({ count: 1, from: 'primary pin' });
      expect(await read(site, { 'x-api-key': 'somebody else' })).toMatchObject({ from: 'primary pin' });
    });
    expect(new Set(failures.map(({ operation }) => operation))).toEqual(new Set(['get', 'advance']));
  });

  it('a store that comes back is told what it has missed', async () => {
    const store = new MemoryPinStore();
    let down = true;
    const moody: PinStore = {
      get: (client) => (down ? failing.rejects() : store.get(client)),
      advance: (...given) => (down ? failing.rejects() : store.advance(...given)),
    };
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      keptIn(moody),
    );
    await using other = await openSite(
      framework,
      notesPages(() => pool),
      keptIn(store),
    );
    await standStill(cluster);
    await write(site);
    down = false;
    await eventually('the store has it', async () => (await store.get(key)) !== undefined);
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
  });

  it.for(['POST /late', 'GET /events'])(
    'what %s writes after its headers have left is reported, stored, and seen by the next request',
    async (route) => {
      const store = new MemoryPinStore();
      const pages = { ...notesPages(() => pool), raw: late };
      await using site = await openSite(framework, pages, keptIn(store));
      await standStill(cluster);
      const events = await heard('late-write', async () => {
        await send(site, route, { 'x-text': text, 'x-api-key': key });
        await eventually('it is stored', async () => (await store.get(key)) !== undefined);
      });
      expect(events).toEqual([{ cluster: 'main', request: route }]);
      expect(await read(site)).toEqual({ count: 1, from: 'primary pin' });
      await goOn(cluster);
      await returnsToReplica(() => read(site), 1);
    },
  );

  it('without a store it is reported, and the next request misses it', async () => {
    const pages = { ...notesPages(() => pool), raw: late };
    await using site = await openSite(framework, pages, { pin: { forMs: 0 } });
    await standStill(cluster);
    const events = await heard('late-write', async () => {
      const { headers } = await send(site, 'GET /events', { 'x-text': text });
      expect(headers.getSetCookie()).toEqual([]);
    });
    expect(events).toEqual([{ cluster: 'main', request: 'GET /events' }]);
    expect(await read(site)).toEqual({ count: 0, from: 'replica method' });
  });
});
