import { extraPerRequest, type Goal, shareOnPrimary } from './goal.js';
import type { Row } from './trial.js';

interface Column {
  readonly head: string;
  readonly cell: (row: Row) => string;
}

const columns: readonly Column[] = [
  { head: 'policy', cell: ({ policy }) => policy },
  { head: 'reads', cell: ({ reads }) => String(reads) },
  { head: 'stale %', cell: ({ stale, reads }) => percent(stale / reads) },
  { head: 'older', cell: ({ older }) => String(older) },
  { head: 'primary %', cell: (row) => percent(shareOnPrimary(row)) },
  { head: 'extra', cell: (row) => extraPerRequest(row).toFixed(3) },
  { head: 'idle/s', cell: ({ background }) => background.toFixed(1) },
  { head: 'p50 ms', cell: ({ readMs }) => readMs.p50.toFixed(2) },
  { head: 'p99 ms', cell: ({ readMs }) => readMs.p99.toFixed(2) },
];

const firstWidth = 32;

/** The heads of a table, in Markdown. */
export function headLines(): readonly string[] {
  const rule = columns.map((_, index) => (index === 0 ? '-'.repeat(firstWidth) : '--------:'));
  return [line(columns.map(({ head }) => head)), line(rule)];
}

export function rowLine(row: Row): string {
  return line(columns.map(({ cell }) => cell(row)));
}

export function goalLine({ policy, goal, value, met }: Goal): string {
  return `goal ${policy}: ${goal}: ${Number(value.toFixed(3))} ${met ? 'met' : 'missed'}`;
}

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, index) => (index === 0 ? cell.padEnd(firstWidth) : cell.padStart(9)));
  return `| ${padded.join(' | ')} |`;
}

/** A few of very many are not none. */
function percent(share: number): string {
  const text = (share * 100).toFixed(1);
  return share > 0 && Number(text) === 0 ? (share * 100).toPrecision(1) : text;
}
