import { parseArgs } from 'node:util';
import type { ClusterOptions } from './cluster-options.js';

export const USAGE: string = `Usage: local-cluster [options]

Starts a PostgreSQL primary with streaming replicas on this machine, prints their
addresses and stays up until Ctrl-C. Nothing is kept.

  --replicas N     how many replicas (default 2)
  --sync           commits wait for one replica, the first of those that are there
  --quorum         commits wait for one replica, whichever is the first to have them
  --cascade        each replica streams from the one before it
  --lag MS         replicas show commits MS milliseconds late
  --version N      the major version of PostgreSQL wanted
  --bin-dir DIR    the folder with postgres and initdb
  --help           this text
`;

/** What the command line asks for. */
export type CliRequest =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string }
  | { readonly kind: 'start'; readonly options: ClusterOptions; readonly lagMs: number };

/** Reads the arguments of the `local-cluster` program. */
export function readArguments(args: readonly string[]): CliRequest {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        replicas: { type: 'string' },
        sync: { type: 'boolean' },
        quorum: { type: 'boolean' },
        cascade: { type: 'boolean' },
        lag: { type: 'string', default: '0' },
        version: { type: 'string' },
        'bin-dir': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return { kind: 'help' };
    const options: ClusterOptions = {
      ...(values.replicas === undefined ? {} : { replicas: wholeNumber('replicas', values.replicas) }),
      ...(values.version === undefined ? {} : { version: wholeNumber('version', values.version) }),
      ...(values['bin-dir'] === undefined ? {} : { binDir: values['bin-dir'] }),
      sync: values.sync ?? false,
      quorum: values.quorum ?? false,
      cascade: values.cascade ?? false,
    };
    return { kind: 'start', options, lagMs: wholeNumber('lag', values.lag) };
  } catch (error) {
    return { kind: 'wrong', message: (error as Error).message };
  }
}

function wholeNumber(option: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new TypeError(`Option '--${option}' takes a whole number, not '${value}'`);
}
