import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp, type Framework, type Front } from './http-apps.js';
import type { ChildMessage } from './http-process.js';

/*
 * The program of a child process: it serves the application that the command line names, and tells its own CPU
 * time whenever it gets a message. It ends with its parent.
 */

const [framework, front] = process.argv.slice(2) as [Framework, Front];

process.once('disconnect', () => process.exit());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  tell({ cpuUs: user + system });
});

// Connections rest between their slices, and must not be closed meanwhile.
const server = createServer({ keepAliveTimeout: 0 }, await createApp(framework, front));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
tell({ port: (server.address() as AddressInfo).port });

function tell(message: ChildMessage): void {
  process.send?.(message);
}
