import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AppOrder, createApp } from './http-apps.js';
import { serveParent } from './parent-program.js';

/*
 * The program of a child process: it serves the application that the command line orders, says on which port, and
 * tells its own CPU time, in µs, whenever it gets a message.
 */

const [text = '{}'] = process.argv.slice(2);

// Connections rest between their slices, and must not be closed meanwhile.
const server = createServer({ keepAliveTimeout: 0 }, await createApp(JSON.parse(text) as AppOrder));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
serveParent((server.address() as AddressInfo).port, async () => {
  const { user, system } = process.cpuUsage();
  return user + system;
});
