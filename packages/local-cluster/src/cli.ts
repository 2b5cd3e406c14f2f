#!/usr/bin/env node
import { once } from 'node:events';
import { type CliRequest, readArguments, USAGE } from './cli-arguments.js';
import { LocalClusterError } from './errors.js';
import { startCluster } from './start-cluster.js';

const request = readArguments(process.argv.slice(2));
if (request.kind === 'help') {
  process.stdout.write(USAGE);
} else if (request.kind === 'wrong') {
  process.stderr.write(`${request.message}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  process.exitCode = await run(request);
}

/** Keeps a cluster up until a signal asks for its end, which is a success, also while it starts. */
async function run({ options, lagMs }: Extract<CliRequest, { kind: 'start' }>): Promise<number> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort());
  // Whoever reads the addresses may leave; the cluster stays.
  process.stdout.on('error', () => undefined);
  try {
    await using cluster = await startCluster({ ...options, signal: ending.signal });
    if (lagMs > 0) await Promise.all(cluster.replicas.map((replica) => replica.setLag(lagMs)));
    process.stdout.write(
      `DATABASE_URL=${cluster.url}\nDATABASE_REPLICA_URLS=${cluster.replicaUrls.join(',')}\n`,
    );
    process.stderr.write('Press Ctrl-C to stop.\n');
    if (!ending.signal.aborted) await once(ending.signal, 'abort');
    return 0;
  } catch (error) {
    if (ending.signal.aborted) return 0;
    process.stderr.write(`${error instanceof LocalClusterError ? error.message : String(error)}\n`);
    return error instanceof LocalClusterError && error.code === 'ERR_CLUSTER_OPTIONS' ? 2 : 1;
  }
}
