import { once } from 'node:events';
import { type Command, readArguments, usage } from './arguments.js';
import { startDemo } from './demo.js';
import { runOnce } from './once.js';
import { welcome } from './welcome.js';

const command = readArguments(process.argv.slice(2));
if (command.kind === 'help') {
  process.stdout.write(usage);
} else if (command.kind === 'wrong') {
  process.stderr.write(`${command.message}\n\n${usage}`);
  process.exitCode = 2;
} else {
  process.exitCode = await run(command);
  // All is over by then. Ending by itself, Node would drop the listeners first, and a late Ctrl-C would count.
  process.on('beforeExit', () => process.exit());
}

/**
 * Runs the demo until it is done or a signal asks for its end. The listeners stay to the last, so that a second
 * Ctrl-C interrupts nothing: whatever is being stopped is stopped in order.
 */
async function run(options: Extract<Command, { kind: 'start' }>): Promise<number> {
  const ending = new AbortController();
  const { signal } = ending;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => ending.abort());
  // Whoever reads the output may leave.
  process.stdout.on('error', () => undefined);
  try {
    say('Starting a primary and two replicas …');
    await using demo = await startDemo({ ...options, signal });
    if (options.once) {
      const { report, ok } = await runOnce(demo, signal);
      say(report);
      return ok ? 0 : 1;
    }
    say(welcome(demo.servers));
    if (!signal.aborted) await once(signal, 'abort');
    say('Stopping …');
    return 0;
  } catch (error) {
    if (error !== signal.reason) {
      console.error(error);
      return 1;
    }
    say('Stopped before the end.');
    return options.once ? 1 : 0;
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
