import { freePort } from '@node-replicated/local-cluster/programs';
import { RedisPinStore } from '@node-replicated/redis';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describePinStore } from '../../packages/core/test/pin-store-contract.js';
import { eventually } from '../integration/stage.js';
import { RedisServer } from './redis-server.js';
import { describeWithProgram } from './redis-stage.js';

describeWithProgram('a store in a Redis Cluster of two masters', (program) => {
  const servers: RedisServer[] = [];
  const masters: Redis[] = [];
  let cluster: Cluster;

  beforeAll(async () => {
    const busPorts = [await freePort(), await freePort()];
    for (const busPort of busPorts) {
      const server = await RedisServer.start(program, ['cluster-enabled yes', `cluster-port ${busPort}`]);
      servers.push(server);
      masters.push(new Redis(server.port, '127.0.0.1'));
    }
    await masters[0]?.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await masters[1]?.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await masters[0]?.call('CLUSTER', 'MEET', '127.0.0.1', String(servers[1]?.port), String(busPorts[1]));
    for (const master of masters) {
      await eventually('the cluster is whole', async () =>
        String(await master.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      );
    }
    cluster = new Cluster(servers.map(({ port }) => ({ host: '127.0.0.1', port })));
  });

  afterAll(async () => {
    cluster?.disconnect();
    for (const master of masters) master.disconnect();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  describePinStore('as every store', { open: () => new RedisPinStore(cluster) });

  it('spreads clients over the masters, and takes neither for a loss of the other', async () => {
    const store = new RedisPinStore(cluster);
    for (let n = 0; n < 50; n++) {
      await store.advance(`client:${n}`, () => 'a', 60_000);
      expect(await store.get(`client:${n}`)).toBe('a');
    }
    const sizes = await Promise.all(masters.map((master) => master.dbsize()));
    expect(sizes.every((size) => size > 0)).toBe(true);
    const since = store.completeSince();
    for (let n = 0; n < 50; n++) await store.get(`client:${n}`);
    expect(store.completeSince()).toBe(since);
  });
});
