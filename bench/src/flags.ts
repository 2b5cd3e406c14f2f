import { parseArgs } from 'node:util';

/** The command line of a benchmark. */
export interface Flags {
  /** Few short slices: it shows that the benchmark works, and nothing else. */
  readonly quick: boolean;
  /** Names of benchmarks; empty: all of them. */
  readonly only: readonly string[];
  /** Run on Node 24, whatever Node this is. */
  readonly node24: boolean;
}

/**
 * @throws an Error for a flag, or the name of a benchmark, that does not exist
 */
export function readFlags(args: readonly string[], names: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      node24: { type: 'boolean', default: false },
    },
  });
  const only = values.only.flatMap((list) => list.split(','));
  const stranger = only.find((name) => !names.includes(name));
  if (stranger !== undefined)
    throw new Error(`There is no benchmark '${stranger}', but ${names.join(', ')}.`);
  return { quick: values.quick, only, node24: values.node24 };
}
