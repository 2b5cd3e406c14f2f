import { describe, expect, it } from 'vitest';
import { type DnsOptions, fromDns } from '../src/from-dns.js';
import { type DnsRecords, startDns } from './dns-server.js';

/** Looks once for what a DNS server has under `db.test` or `_pg._tcp.test`. */
async function look(
  records: DnsRecords | 'silence',
  options: DnsOptions = {},
  name = 'db.test',
): Promise<readonly unknown[]> {
  await using server = await startDns({ [name]: records });
  const discover = fromDns(name, { servers: [server.address], ...options });
  return await discover({ signal: new AbortController().signal });
}

const service = '_pg._tcp.test';
const target = { priority: 1, weight: 5, port: 5433, target: 'h1.test' };

describe('the addresses of a name', () => {
  it('are nodes, of both kinds', async () => {
    expect(await look({ A: ['10.0.0.1', '10.0.0.2'], AAAA: ['2001:db8::7'] })).toEqual([
      { host: '10.0.0.1' },
      { host: '10.0.0.2' },
      { host: '2001:db8::7' },
    ]);
  });

  it('of one kind are enough', async () => {
    expect(await look({ A: ['10.0.0.1'], AAAA: 3 })).toEqual([{ host: '10.0.0.1' }]);
    expect(await look({ A: [], AAAA: ['::1'] })).toEqual([{ host: '::1' }]);
  });

  it('are those of the kind that is asked for', async () => {
    const both: DnsRecords = { A: ['10.0.0.1'], AAAA: ['::1'] };
    expect(await look(both, { records: 'A' })).toEqual([{ host: '10.0.0.1' }]);
    expect(await look(both, { records: 'AAAA' })).toEqual([{ host: '::1' }]);
  });

  it('have the port that is given', async () => {
    expect(await look({ A: ['10.0.0.1'] }, { port: 6000 })).toEqual([{ host: '10.0.0.1', port: 6000 }]);
  });

  it('that are there twice are one', async () => {
    expect(await look({ A: ['10.0.0.1', '10.0.0.1'] })).toHaveLength(1);
  });

  it('may have more settings', async () => {
    const node = ({ host }: { host: string }) => ({ name: `node at ${host}` });
    expect(await look({ A: ['10.0.0.1'] }, { node })).toEqual([
      { host: '10.0.0.1', name: 'node at 10.0.0.1' },
    ]);
  });
});

describe('the targets of a service', () => {
  it('are nodes with ports, the preferred ones first', async () => {
    const found = await look(
      {
        SRV: [
          { ...target, priority: 2 },
          { ...target, target: 'h2.test' },
        ],
      },
      {},
      service,
    );
    expect(found).toEqual([
      { host: 'h2.test', port: 5433 },
      { host: 'h1.test', port: 5433 },
    ]);
  });

  it('tell their weights', async () => {
    const seen: unknown[] = [];
    const node = (found: unknown) => {
      seen.push(found);
      return {};
    };
    await look({ SRV: [target] }, { node }, service);
    expect(seen).toEqual([{ host: 'h1.test', port: 5433, priority: 1, weight: 5 }]);
  });

  it('are asked for under any name, if so wished', async () => {
    expect(await look({ SRV: [target], A: ['10.0.0.1'] }, { records: 'SRV' })).toEqual([
      { host: 'h1.test', port: 5433 },
    ]);
  });

  it.each([
    ['a port that is none', { ...target, port: 0 }],
    ['no host', { ...target, target: '.' }],
    ['a host that is none', { ...target, target: 'a/b?c.test' }],
  ])('with %s are none', async (_, bad) => {
    expect(await look({ SRV: [bad, { ...target, target: 'h2.test' }] }, {}, service)).toEqual([
      { host: 'h2.test', port: 5433 },
    ]);
    await expect(look({ SRV: [bad] }, {}, service)).rejects.toMatchObject({ code: 'ERR_DISCOVERY' });
  });
});

describe('a look fails', () => {
  it.each<[string, DnsRecords]>([
    ['when there is no such name', { A: 3, AAAA: 3 }],
    ['when there is nothing under it', {}],
  ])('%s', async (_, records) => {
    await expect(look(records)).rejects.toMatchObject({
      code: 'ERR_DISCOVERY',
      message: 'DNS has no node under db.test.',
    });
  });

  it('when one kind of addresses is there and the other cannot be told', async () => {
    await expect(look({ A: ['10.0.0.1'], AAAA: 2 })).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  it('at once when it is given up', async () => {
    await using server = await startDns({ 'db.test': 'silence' });
    const abort = new AbortController();
    const found = fromDns('db.test', { servers: [server.address] })({ signal: abort.signal });
    abort.abort();
    await expect(found).rejects.toMatchObject({ code: 'ECANCELLED' });
  });
});

it('a resolver of your own is asked', async () => {
  const resolver = {
    resolve4: async () => ['10.0.0.9'],
    resolve6: async () => [],
    resolveSrv: async () => [],
  };
  const found = await fromDns('db.test', { resolver })({ signal: new AbortController().signal });
  expect(found).toEqual([{ host: '10.0.0.9' }]);
});

describe('what cannot be is ERR_OPTION', () => {
  it.each<[string, string, DnsOptions]>([
    ['no name', undefined as never, {}],
    ['an empty name', '', {}],
    ['an address', 'http://db.test', {}],
    ['other records', 'db.test', { records: 'MX' as never }],
    ['a port that is none', 'db.test', { port: 70_000 }],
    ['servers that are none', 'db.test', { servers: ['somewhere'] }],
  ])('%s', (_, name, options) => {
    expect(() => fromDns(name, options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});
