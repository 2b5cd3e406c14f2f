import { parseArgs } from 'node:util';

export const usage: string = `Usage: npm run demo -- [options]

A message board on a real PostgreSQL primary with two replicas, served by Express and by Fastify.
It stays up until Ctrl-C, and leaves nothing behind.

  --once            visits the board, prints what served each request, and stops
  --express-port N  the port of the Express server (default: any that is free)
  --fastify-port N  the port of the Fastify server (default: any that is free)
  --help            this text
`;

/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string }
  | {
      readonly kind: 'start';
      readonly once: boolean;
      readonly expressPort: number;
      readonly fastifyPort: number;
    };

export function readArguments(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean', default: false },
        'express-port': { type: 'string', default: '0' },
        'fastify-port': { type: 'string', default: '0' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { kind: 'help' };
    const expressPort = readPort('express-port', values['express-port']);
    const fastifyPort = readPort('fastify-port', values['fastify-port']);
    if (expressPort !== 0 && expressPort === fastifyPort) throw new TypeError('The two ports must differ.');
    return { kind: 'start', once: values.once, expressPort, fastifyPort };
  } catch (error) {
    return { kind: 'wrong', message: error instanceof Error ? error.message : String(error) };
  }
}

function readPort(option: string, value: string): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  throw new TypeError(`Option '--${option}' takes a port number, not '${value}'`);
}
