import { onReplicationEvent, type ReplicationOptions } from '@node-replicated/core';
import { registerCluster } from '@node-replicated/core/adapter';
import { RedisPinStore } from '@node-replicated/redis';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nameHeader } from '../history/visitors.js';
import {
  goOn,
  type NotesPage,
  newText,
  notesPages,
  patient,
  returnsToReplica,
  shown,
  standStill,
} from '../integration/notes-sites.js';
import { cluster, pool, stagePool } from '../integration/pool-stage.js';
import { openSite, type Site, send } from '../integration/sites.js';
import { eventually } from '../integration/stage.js';
import { identify } from './identify.js';
import { connectRedis, describeWithRedis, openRedis, redis } from './redis-stage.js';

describeWithRedis('a client that is known by a header, on two sites that share a Redis', () => {
  stagePool({ options: patient });

  let text: string;
  let name: string;
  let connections: readonly [Redis, Redis];
  let one: Site;
  let other: Site;

  beforeEach(async () => {
    text = newText();
    name = `client of ${text}`;
    connections = [await openRedis(), connectRedis()];
    one = await openSite(
      'Express',
      notesPages(() => pool),
      keptIn(connections[0]),
    );
    other = await openSite(
      'Fastify',
      notesPages(() => pool),
      keptIn(connections[1]),
    );
    await isTrusted();
  });

  afterEach(async () => {
    redis.thaw();
    for (const site of [one, other]) await site[Symbol.asyncDispose]();
    await goOn(cluster);
  });

  function keptIn(connection: Redis): ReplicationOptions {
    const store = new RedisPinStore(connection);
    return { cookie: false, pin: { forMs: 0 }, pinStore: { store, identify, timeoutMs: 200 } };
  }

  async function write(site: Site): Promise<void> {
    expect((await send(site, 'POST /notes', { 'x-text': text, [nameHeader]: name })).status).toBe(200);
  }

  async function read(site: Site, as = name): Promise<NotesPage> {
    return shown(await send(site, 'GET /notes', { 'x-text': text, [nameHeader]: as }));
  }

  /** Waits until both sites send a client that has not written to replicas, as long after a start of Redis. */
  async function isTrusted(): Promise<void> {
    for (const site of [one, other]) {
      await eventually(
        'a replica serves',
        async () => /^replica/.test((await read(site, 'reader')).from),
        30_000,
      );
    }
  }

  it('sees on one what it has written on the other', async () => {
    await standStill(cluster);
    await write(one);
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
    expect(await read(other, 'reader')).toMatchObject({ count: 0 });
    await goOn(cluster);
    await returnsToReplica(() => read(other), 1);
  });

  it('sees it also when Redis has forgotten it, and everybody has come back since long ago', async () => {
    await standStill(cluster);
    await write(one);
    await redis.kill();
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
    await redis.restart();
    let asked = 0;
    const stop = registerCluster({
      name: 'witness',
      readOnly: false,
      currentPosition: async () => {
        asked += 1;
        return 'somewhere';
      },
    });
    // Both sites ask where the primaries are when they take Redis for whole again.
    await eventually('the sites trust Redis again', async () => {
      for (const site of [one, other]) expect(await read(site)).toEqual({ count: 1, from: 'primary pin' });
      return asked >= 2;
    });
    stop();
    for (const site of [one, other]) expect(await read(site)).toEqual({ count: 1, from: 'primary pin' });
    await goOn(cluster);
    await returnsToReplica(() => read(other), 1);
  });

  it('sees it also while the site that it wrote on has not found back to Redis', async () => {
    await redis.kill();
    connections[0].disconnect();
    await redis.restart();
    await eventually('the other site is back', () => connections[1].status === 'ready');
    await read(other, 'reader');
    await standStill(cluster);
    await write(one);
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
    await connections[0].connect();
    const probe = new RedisPinStore(connections[1]);
    await eventually('the pin is in Redis', async () => (await probe.get(name)) !== undefined);
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
  });

  it('is served at once while Redis is silent, but for the first requests', async () => {
    await standStill(cluster);
    const errors: string[] = [];
    const stop = onReplicationEvent('pin-store-failed', ({ error }) => errors.push(error));
    redis.freeze();
    for (let request = 0; request < 20; request++) {
      await write(one);
      expect(await read(one)).toEqual({ count: request + 1, from: 'primary pin' });
    }
    stop();
    const waits = errors.filter((error) => /within 200 ms/.test(error));
    expect(waits.length).toBeGreaterThan(0);
    expect(errors.length - waits.length).toBeGreaterThan(waits.length);
    redis.thaw();
    await eventually('the other site knows', async () => (await read(other)).count === 20);
  });

  it('sees what it has written while Redis was silent, on a site that has noticed that too', async () => {
    await standStill(cluster);
    redis.freeze();
    await read(other, 'somebody');
    await write(one);
    redis.thaw();
    const probe = new RedisPinStore(connections[1]);
    await probe.get('it answers');
    // The pin is on its way, a second later.
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
    await eventually('the pin is in Redis', async () => (await probe.get(name)) !== undefined);
    expect(await read(other)).toEqual({ count: 1, from: 'primary pin' });
  });
});
