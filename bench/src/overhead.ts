import { fileURLToPath } from 'node:url';
import { readFlags } from './flags.js';
import { goals } from './goals.js';
import { httpBenchmarks } from './http-benchmarks.js';
import { interruption } from './interruption.js';
import { Laboratory } from './laboratory.js';
import { runOnNode24 } from './node24.js';
import { poolBenchmarks } from './pool-benchmarks.js';
import { poolHealth } from './pool-health.js';
import { figureLine, goalLine, rateLine, ratioLine, writeFindings } from './report.js';

/*
 * What this library costs: `npm run bench:overhead`. See README.md beside this folder.
 */

const benchmarks = [...poolBenchmarks, poolHealth, ...httpBenchmarks];
const flags = readFlags(
  process.argv.slice(2),
  benchmarks.map(({ name }) => name),
);
const signal = interruption();

if (flags.node24) {
  const args = process.argv.slice(2).filter((arg) => arg !== '--node24');
  process.exitCode = await runOnNode24(fileURLToPath(import.meta.url), args, signal);
} else {
  await run();
}

async function run(): Promise<void> {
  await using lab = new Laboratory({
    quick: flags.quick,
    signal,
    onComparison: (comparison) => {
      const goal = goals[comparison.name];
      say(ratioLine(comparison));
      say(rateLine(comparison));
      if (goal !== undefined) say(goalLine(comparison, goal));
    },
    onFigure: (figure) => say(figureLine(figure)),
  });
  const chosen = benchmarks.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name));
  say(
    `Node ${process.versions.node}, ${chosen.length} benchmarks, ${lab.plan.pairs} pairs of ${lab.plan.sliceMs} ms each`,
  );
  for (const benchmark of chosen) await benchmark.run(lab);
  const { plan, comparisons, figures } = lab;
  const file = await writeFindings('overhead', {
    plan,
    postgres: await lab.postgres(),
    comparisons,
    figures,
  });
  say(`written to ${file}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
