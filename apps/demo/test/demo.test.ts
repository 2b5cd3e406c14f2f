import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { clusterFolders, DemoProcess, processesOf, temporaryFolder } from './demo-process.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const folder = temporaryFolder();
const started: DemoProcess[] = [];

function demo(...args: readonly string[]): DemoProcess {
  const process = new DemoProcess(folder, ...args);
  started.push(process);
  return process;
}

afterEach(async () => {
  for (const process of started.splice(0)) {
    process.child.kill('SIGTERM');
    await process.ended();
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

/** A row of the printed table, its cells joined by one space each. */
function rows(output: string): readonly string[] {
  return output.split('\n').map((line) => line.trim().split(/ {2,}/).join(' | '));
}

describe('demo --once', () => {
  it('serves every request from the right node, over both frameworks, and leaves nothing', async () => {
    const once = demo('--once');
    const cluster = await once.cluster();
    expect(await once.ended(), once.output).toBe(0);
    const table = rows(once.output);
    for (const framework of ['express', 'fastify']) {
      for (const row of [
        /a new visitor reads \| ann \| GET \/ \| replica-\d \| replica, method \| 200 \| yes/,
        /HEAD reads \| ann \| HEAD \/ \| replica-\d \| replica, method \| 200 \| yes/,
        /a post is written \| ann \| POST \/posts \| primary \| primary, method \| 303 \| set \| yes/,
        /its writer sees it, escaped \| ann \| GET \/posts\/\d+ \| primary \| primary, pin \| 200 \| yes/,
        /a tampered cookie \| mallory \| GET \/ \| replica-\d \| replica, method \| 200 \| yes/,
        /@UseMaster on a class, GET \| bob \| GET \/moderation \| primary \| primary, forced \| 200 \| yes/,
        /@UseSlave, POST \| bob \| POST \/preview \| replica-\d \| replica, forced \| 200 \| yes/,
        /a GET that writes \| dave \| GET \/visits \| replica-\d \| replica, method \| 200 \| set \| yes/,
        /others see the old page \| heidi \| GET \/ \| replica-\d \| replica, method \| 200 \| yes/,
        /the primary stands in \| heidi \| GET \/ \| primary \| primary, no-replica \| 200 \| yes/,
      ]) {
        expect(table).toContainEqual(expect.stringMatching(new RegExp(`^${framework} \\| ${row.source}$`)));
      }
    }
    expect(once.output).toMatch(/^\d+ rows, all as expected\.$/m);
    expect(processesOf(cluster)).toEqual([]);
    expect(clusterFolders(folder)).toEqual([]);
  });
});

describe('demo', () => {
  it('serves people until Ctrl-C, and leaves no process and no folder', async () => {
    const board = demo();
    const cluster = await board.cluster();
    await board.says(/Press Ctrl-C/);
    const addresses = board.output.match(/http:\/\/127\.0\.0\.1:\d+\//g) ?? [];
    expect(addresses).toHaveLength(2);
    for (const address of addresses) expect(await (await fetch(address)).text()).toContain('Welcome');
    board.child.kill('SIGINT');
    expect(await board.ended(), board.output).toBe(0);
    expect(processesOf(cluster)).toEqual([]);
    expect(clusterFolders(folder)).toEqual([]);
  });

  it('leaves nothing either when Ctrl-C comes again and again while it stops', async () => {
    const board = demo();
    const cluster = await board.cluster();
    await board.says(/Press Ctrl-C/);
    board.child.kill('SIGINT');
    await board.says(/Stopping/);
    const again = setInterval(() => board.child.kill('SIGINT'), 50);
    expect(await board.ended(), board.output).toBe(0);
    clearInterval(again);
    expect(processesOf(cluster)).toEqual([]);
    expect(clusterFolders(folder)).toEqual([]);
  });

  it('leaves nothing when Ctrl-C comes while it starts', async () => {
    const board = demo();
    const cluster = await board.cluster();
    board.child.kill('SIGINT');
    expect(await board.ended(), board.output).toBe(0);
    expect(processesOf(cluster)).toEqual([]);
    expect(clusterFolders(folder)).toEqual([]);
  });

  it('says which port is taken, and leaves nothing', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const board = demo('--fastify-port', String(port));
    const cluster = await board.cluster();
    expect(await board.ended()).toBe(1);
    taken.close();
    expect(board.output).toContain(`EADDRINUSE: address already in use 127.0.0.1:${port}`);
    expect(processesOf(cluster)).toEqual([]);
    expect(clusterFolders(folder)).toEqual([]);
  });

  it.each([
    [['--sometimes'], /Unknown option '--sometimes'/],
    [['--express-port', 'http'], /'--express-port' takes a port number, not 'http'/],
    [['--express-port', '3000', '--fastify-port', '3000'], /must differ/],
  ])('refuses %j and says how to call it', async (args, message) => {
    const board = demo(...args);
    expect(await board.ended()).toBe(2);
    expect(board.output).toMatch(message);
    expect(board.output).toContain('Usage: npm run demo');
  });
});
