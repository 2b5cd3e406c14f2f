import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Breakage, breakages } from './broken-items.js';
import { brokenPromises, type StormReport } from './report.js';
import { reportTable } from './report-table.js';
import { runStorm, type StormOptions } from './storm.js';

/*
 * The program behind `npm run test:storm`. It exits with 1 when a promise was broken; with `--strict` also when
 * writes were out for longer than the goal.
 */

const { strict, ...options } = readFlags(process.argv.slice(2));
console.log(
  `A storm of ${options.seconds} s. To run it again: --seconds ${options.seconds} --seed ${options.seed}`,
);
const report = await runStorm(options);
console.log(reportTable(report));
console.log(`\n${await save(report)}`);
const broken = [...brokenPromises(report), ...(strict ? missedGoals(report) : [])];
if (broken.length > 0) {
  console.error(`\nSeed ${report.seed} has broken: ${broken.join(', ')}`);
}
// Left to itself, Node 20 may never end after a way was reset: it waits for a request on a socket that is gone.
process.exit(broken.length > 0 ? 1 : 0);

function readFlags(args: readonly string[]): StormOptions & { readonly strict: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '600' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      broken: { type: 'string' },
      strict: { type: 'boolean', default: false },
    },
  });
  return {
    seconds: wholeNumber('seconds', values.seconds),
    seed: wholeNumber('seed', values.seed),
    breakage: values.broken === undefined ? undefined : breakageOf(values.broken),
    program: new URL('./application-process.js', import.meta.url),
    strict: values.strict,
  };
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (text !== '' && Number.isInteger(number) && number >= 0) return number;
  throw new Error(`--${flag} must be a whole number, not '${text}'.`);
}

function breakageOf(name: string): Breakage {
  const breakage = breakages.find((one) => one === name);
  if (breakage !== undefined) return breakage;
  throw new Error(`--broken must be one of ${breakages.join(', ')}, not '${name}'.`);
}

function missedGoals({ outage }: StormReport): readonly string[] {
  return outage.ms > outage.goalMs ? [`the goal of an outage: ${Math.round(outage.ms)} ms`] : [];
}

async function save(found: StormReport): Promise<string> {
  const folder = fileURLToPath(new URL('../../storm/results/', import.meta.url));
  const file = `${folder}${found.seed}-${found.seconds}.json`;
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${JSON.stringify(found, undefined, 2)}\n`);
  return file;
}
