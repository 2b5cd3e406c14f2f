import pg from 'pg';
import { expect } from 'vitest';
import { cluster, type Declare, type Implementation } from './implementation.js';

/** What a pool is, and what it makes of its options. */
export function constructionContract(it: Declare, { Pool }: Implementation): void {
  it('is a pg.Pool, and its name says so', async (open) => {
    const pool = await open();
    expect(pool).toBeInstanceOf(pg.Pool);
    expect(pool).toBeInstanceOf(Pool);
    expect(Pool.name).toContain('Pool');
  });

  it('cannot be called without new', async () => {
    expect(() => Reflect.apply(Pool, undefined, [])).toThrow(TypeError);
  });

  it('needs no options: the environment says where the server is', async () => {
    const { hostname, port, username, pathname } = new URL(cluster.url);
    const kept = { ...process.env };
    Object.assign(process.env, { PGHOST: hostname, PGPORT: port, PGUSER: username });
    process.env.PGDATABASE = pathname.slice(1);
    try {
      for (const options of [undefined, null, {}]) {
        const pool = Reflect.construct(Pool, [options]) as pg.Pool;
        const { rows } = await pool.query('SELECT inet_server_port() AS port');
        expect(rows).toEqual([{ port: cluster.primary.serverPort }]);
        await pool.end();
      }
    } finally {
      process.env = kept;
    }
  });

  it('changes nothing in the options that it was given', async () => {
    const options = Object.freeze({ connectionString: cluster.url, max: 3, application_name: 'untouched' });
    const pool = new Pool(options);
    await pool.query('SELECT 1');
    expect(options).toEqual({ connectionString: cluster.url, max: 3, application_name: 'untouched' });
    await pool.end();
  });

  it("fills in pg-pool's defaults", async (open) => {
    const { options } = await open();
    expect(options).toMatchObject({
      max: 10,
      min: 0,
      maxUses: Number.POSITIVE_INFINITY,
      idleTimeoutMillis: 10_000,
      allowExitOnIdle: false,
      maxLifetimeSeconds: 0,
    });
  });

  it('keeps the options it was given, and takes poolSize for max', async (open) => {
    const sized: pg.PoolConfig & { poolSize: number } = { poolSize: 4, min: 1, idleTimeoutMillis: 50 };
    const { options } = await open({ ...sized, application_name: 'kept' });
    expect(options).toMatchObject({ max: 4, min: 1, idleTimeoutMillis: 50, application_name: 'kept' });
  });

  it('shows its password to whoever asks for it, and to nobody who prints or copies its options', async (open) => {
    const { options } = await open({ password: 'very secret' });
    expect(Reflect.get(options, 'password')).toBe('very secret');
    expect(Object.keys(options)).not.toContain('password');
    expect(JSON.stringify(options)).not.toContain('very secret');
    expect({ ...options }).not.toHaveProperty('password');
  });

  it('shows the key of its certificate to nobody who prints its options', async () => {
    const pool = new Pool({ connectionString: cluster.url, ssl: { key: 'very private', ca: 'public' } });
    expect(JSON.stringify(pool.options)).not.toContain('very private');
    expect(Reflect.get(Object(Reflect.get(pool.options, 'ssl')), 'key')).toBe('very private');
    await pool.end();
  });

  it('has a Client, a Promise and a log', async (open) => {
    const pool = await open();
    expect(Reflect.get(pool, 'Client')).toBe(pg.Client);
    expect(Reflect.get(pool, 'Promise')).toBe(Promise);
    expect(Reflect.get(pool, 'log')).toBeTypeOf('function');
  });

  it('tells its log what it does', async (open) => {
    const lines: unknown[] = [];
    const pool = await open({ maxUses: 1, log: (line) => lines.push(line) });
    const client = await pool.connect();
    client.release();
    expect(lines).toContain('connecting new client');
    expect(lines).toContain('new client connected');
    expect(lines).toContain('remove expended client');
  });

  it("makes its connections of an application's own class", async (open) => {
    const made: unknown[] = [];
    class OwnClient extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        super(config);
        made.push(this, config?.connectionString);
      }
    }
    const pool = await open({ Client: OwnClient });
    expect(Reflect.get(pool, 'Client')).toBe(OwnClient);
    const client = await pool.connect();
    expect(client).toBeInstanceOf(OwnClient);
    expect(client.constructor.name).toBe('OwnClient');
    expect(made).toEqual([client, cluster.url]);
    client.release();
  });

  it("gives an application's own kind of promise", async (open) => {
    class OwnPromise<T> extends Promise<T> {}
    const pool = await open({ Promise: OwnPromise });
    expect(Reflect.get(pool, 'Promise')).toBe(OwnPromise);
    const query = pool.query('SELECT 1 AS one');
    expect(query).toBeInstanceOf(OwnPromise);
    expect((await query).rows).toEqual([{ one: 1 }]);
    const connecting = pool.connect();
    expect(connecting).toBeInstanceOf(OwnPromise);
    (await connecting).release();
    const ending = pool.end();
    expect(ending).toBeInstanceOf(OwnPromise);
    await ending;
  });
}
