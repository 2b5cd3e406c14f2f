import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Where each copy finds the dependencies of this package, as an installed one would. */
const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));
const built = fileURLToPath(new URL('../', import.meta.url));

type Index = typeof import('../src/index.js');
type Adapter = typeof import('../src/adapter.js');
interface Copy extends Index, Adapter {}

let folder: string;
let web: Copy;
let database: Copy;

async function copyOf(name: string): Promise<Copy> {
  const home = join(folder, name);
  for (const part of ['dist', 'package.json'])
    cpSync(join(built, part), join(home, part), { recursive: true });
  const load = (door: string): Promise<object> => import(pathToFileURL(join(home, 'dist', door)).href);
  return { ...(await load('index.js')), ...(await load('adapter.js')) } as Copy;
}

beforeAll(async () => {
  if (!existsSync(join(built, 'dist/index.js'))) throw new Error('Build the packages first: npm run build');
  folder = mkdtempSync(join(modules, '.two-copies-'));
  [web, database] = [await copyOf('web'), await copyOf('database')];
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A `GET` request as the web framework's copy opens it. */
function get<T>(fn: () => T): T {
  const config = web.defineReplication({ secret: 'x'.repeat(32) });
  const facts = { method: 'GET', path: '/', headers: {}, secure: false };
  return web.runInScope(web.openRequest(config, facts), fn);
}

describe('two copies of this package in one process', () => {
  test('are two indeed', () => {
    expect(web.useReplica).not.toBe(database.useReplica);
    expect(web.ReplicationError).not.toBe(database.ReplicationError);
  });

  test('share the scope: what one opens the other sees', () => {
    get(() => {
      expect(database.currentScope()).toBe(web.currentScope());
      expect(database.currentReplication()).toMatchObject({ role: 'replica', reason: 'method' });
    });
    expect(database.currentScope()).toBeUndefined();
  });

  test('share the switches: what one forces holds for the other, and gives back its role', () => {
    get(() => {
      web.usePrimary(() => expect(database.currentReplication().role).toBe('primary'));
      database.usePrimary(() => {
        expect(web.currentReplication().role).toBe('primary');
        web.useReplica(() => expect(database.currentReplication().role).toBe('replica'));
      });
      expect(database.currentReplication().role).toBe('replica');
    });
  });

  test('share the locks', () => {
    web.usePrimary({ lock: true }, () =>
      database.useReplica(() => expect(web.currentReplication().role).toBe('primary')),
    );
  });

  test('share the session: what is written through one pins the response of the other', () => {
    get(() => {
      const cluster = { name: 'main', readOnly: false };
      database.currentScope()?.session.beginWrite(cluster);
      database.currentScope()?.session.endWrite(cluster);
      const scope = web.currentScope();
      expect(web.currentReplication()).toMatchObject({ role: 'primary', reason: 'own-write', wrote: true });
      expect(scope && web.sealResponse(scope)?.cookie).toContain('replication_pin=');
    });
  });

  test('share the events', () => {
    const heard: unknown[] = [];
    const stop = web.onReplicationEvent('fallback-to-primary', (payload) => heard.push(payload));
    database.publish('fallback-to-primary', { cluster: 'main', reason: 'pin' });
    stop();
    expect(heard).toEqual([{ cluster: 'main', reason: 'pin' }]);
  });

  test('share the clusters: a pool of one makes the requests of the other read-only', () => {
    const forget = database.registerCluster({ name: 'main', readOnly: true });
    const readOnly = web.currentReplication().readOnly;
    forget();
    expect(readOnly).toBe(true);
  });
});
