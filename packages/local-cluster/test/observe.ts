import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { LocalCluster, LocalNode } from '../src/index.js';
import { listProcesses } from '../src/processes.js';

/** Waits for a condition; the error says which one did not come true. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  ms = 15_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(10);
  }
}

/** A connected application; it survives the loss of its connection. */
export async function connectTo(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 15_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** How a new connection through the node's url fails, or `connected`. */
export async function attempt(node: LocalNode): Promise<string> {
  try {
    const client = await connectTo(node.url);
    await client.end();
    return 'connected';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** The numbers a node shows in table `seen`. */
export async function seenBy(node: LocalNode): Promise<number[]> {
  const { rows } = await node.query<{ n: number }>('SELECT n FROM seen ORDER BY n');
  return rows.map(({ n }) => n);
}

/** Whether a promise is still open after a round trip of another node: proof that it waits. */
export async function isPending(
  promise: Promise<unknown>,
  meanwhile: () => Promise<unknown>,
): Promise<boolean> {
  let open = true;
  const close = (): void => {
    open = false;
  };
  promise.then(close, close);
  for (let round = 0; round < 20; round++) await meanwhile();
  return open;
}

/** The folder that holds all of a cluster; its name is in the title of each of its processes. */
export async function folderOf(cluster: LocalCluster): Promise<string> {
  const { rows } = await cluster.primary.query<{ data_directory: string }>('SHOW data_directory');
  return dirname(rows[0]?.data_directory ?? '');
}

/** What is left of a cluster: command lines and titles that name its folder, and the folder. */
export function remainsOf(folder: string): string[] {
  const commands = listProcesses().map(({ command }) => command);
  return [
    ...commands.filter((command) => command.includes(basename(folder))),
    ...(existsSync(folder) ? [folder] : []),
  ];
}
