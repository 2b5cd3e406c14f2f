import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { interruption } from '../interruption.js';
import { writeFindings } from '../report.js';
import { createBoards } from './boards.js';
import { type Goal, judge } from './goal.js';
import { readOffloadFlags } from './offload-flags.js';
import { policies } from './policies.js';
import { prepare, type Scenario, scenarios } from './scenario.js';
import { goalLine, headLines, rowLine } from './table.js';
import { type Row, tryPolicy } from './trial.js';

/*
 * What replicas may serve, and what it takes to know that they may: `npm run bench:offload`. See README.md beside
 * this folder.
 */

interface Outcome {
  readonly scenario: string;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

const flags = readOffloadFlags(
  process.argv.slice(2),
  scenarios.map(({ name }) => name),
);
const signal = interruption();

await run();

async function run(): Promise<void> {
  await using cluster = await startCluster({ replicas: 2, signal });
  await createBoards(cluster);
  const { measuredMs, visitors } = flags.plan;
  say(`Node ${process.versions.node}, ${visitors} visitors, ${measuredMs / 1_000} s for each policy`);
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios.filter(({ name }) => flags.scenarios.includes(name))) {
    outcomes.push(await tryAll(scenario, cluster));
  }
  const { rows } = await cluster.primary.query<{ server_version: string }>('SHOW server_version');
  const file = await writeFindings(flags.short ? 'offload-short' : 'offload', {
    postgres: rows[0]?.server_version,
    plan: flags.plan,
    outcomes,
  });
  say(`\nwritten to ${file}`);
  const broken = outcomes.some(({ goals }) => goals.some(({ isPromise, met }) => isPromise && !met));
  if (broken) process.exitCode = 1;
}

async function tryAll(scenario: Scenario, cluster: LocalCluster): Promise<Outcome> {
  say(`\n${scenario.name}\n`);
  for (const line of headLines()) say(line);
  await prepare(scenario, cluster);
  const rows: Row[] = [];
  for (const policy of policies) {
    await cluster.waitForCatchUp({ signal });
    const row = await tryPolicy(policy, scenario, cluster, flags.plan, signal);
    rows.push(row);
    say(rowLine(row));
  }
  say('');
  const goals = judge(rows);
  for (const goal of goals) say(goalLine(goal));
  return { scenario: scenario.name, rows, goals };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
