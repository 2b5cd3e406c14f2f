/*
 * A process of its own, one per cluster: `node watchdog.js FOLDER`.
 *
 * Its standard input is a pipe that the cluster's process holds open. However that process ends, by
 * `kill -9` too, the system closes the pipe; what the cluster has left behind is then removed. After
 * an orderly stop there is nothing left to remove, so there is no other message to send.
 */
import { removeRemains } from './remains.js';

const folder = process.argv[2] ?? '';

// A terminal or a supervisor may signal everybody at once; the watchdog has to be the last to go.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.stdin.on('close', () => removeRemains(folder));
process.stdin.on('error', () => process.stdin.destroy());
process.stdin.resume();
