import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '@node-replicated/local-cluster/programs';
import { eventually } from './stage.js';

/** An example that runs in a process of its own. */
export interface ServedExample extends AsyncDisposable {
  readonly url: string;
}

/**
 * Starts an example, and waits until it answers on the port that it is told.
 *
 * @param program the compiled file
 */
export async function serveExample(program: string, env: NodeJS.ProcessEnv): Promise<ServedExample> {
  const port = await freePort();
  const server = spawn(process.execPath, [program], {
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  server.stderr.on('data', (chunk) => {
    printed += chunk;
  });
  const url = `http://127.0.0.1:${port}`;
  const answers = async (): Promise<boolean> => {
    if (server.exitCode !== null) throw new Error(`The example has ended: ${printed}`);
    return fetch(url).then(
      () => true,
      () => false,
    );
  };
  await eventually('the example answers', answers, 20_000);
  return {
    url,
    async [Symbol.asyncDispose]() {
      if (server.exitCode !== null) return;
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}
