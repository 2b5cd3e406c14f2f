import type { Outcome } from './check.js';
import type { Step } from './scenario.js';
import { textTable } from './text-table.js';

/** A step that was taken. */
export interface Taken {
  readonly framework: string;
  readonly step: Step;
  /** Method and path as they were sent. */
  readonly request: string;
  readonly outcome: Outcome;
}

const head = [
  'framework',
  'what happens',
  'visitor',
  'request',
  'node',
  'role, reason',
  'status',
  'pin',
  'ok',
];

/** One table of everything, and a line for each row that is wrong. */
export function reportOf(taken: readonly Taken[]): string {
  const wrong = taken.filter(({ outcome }) => outcome.faults.length > 0);
  const lines = wrong.map(
    ({ framework, step, request, outcome }) =>
      `WRONG: ${framework}, ${step.about} (${step.visitor}: ${request}): ${outcome.faults.join('; ')}.`,
  );
  const sum = `${taken.length} rows, ${wrong.length === 0 ? 'all as expected' : `${wrong.length} wrong`}.`;
  return [textTable([head, ...taken.flatMap(rowsOf)]), '', ...lines, sum].join('\n');
}

/** A request that several nodes served has a line for each of them. */
function rowsOf({ framework, step, request, outcome }: Taken): readonly (readonly string[])[] {
  const { status, served, pinned, faults } = outcome;
  const uses = served.map(({ node, role, reason }) => [node, `${role}, ${reason}`] as const);
  const changes = uses.filter((use, index) => use.join() !== uses[index - 1]?.join());
  const [first = ['-', '-'], ...others] = changes;
  const ok = faults.length === 0 ? 'yes' : 'NO';
  const row = [framework, step.about, step.visitor, request, ...first];
  return [
    [...row, String(status ?? '-'), pinned ? 'set' : '', ok],
    ...others.map((use) => ['', '', '', '', ...use, '', '', '']),
  ];
}
