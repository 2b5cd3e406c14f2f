import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';

interface Row {
  readonly policy: string;
  readonly reads: number;
  readonly writes: number;
  readonly stale: number;
  readonly older: number;
  readonly onPrimary: number;
  readonly extra: number;
}

const program = fileURLToPath(new URL('../../bench/dist/offload/offload.js', import.meta.url));

let rows: readonly Row[];

beforeAll(async () => {
  // It fails when a row of this library breaks a promise.
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--short', '--only', 'lag-300']);
  const [, file = ''] = /written to (.+)/.exec(stdout) ?? [];
  const { outcomes } = JSON.parse(await readFile(file, 'utf8')) as {
    outcomes: readonly { rows: readonly Row[] }[];
  };
  rows = outcomes.flatMap((outcome) => outcome.rows);
}, 120_000);

function row(policy: string): Row {
  const found = rows.find((each) => each.policy.startsWith(policy));
  if (found === undefined) throw new Error(`There is no row ${policy}.`);
  return found;
}

test('every policy has been read from and written to', () => {
  expect(rows).toHaveLength(10);
  for (const { policy, reads, writes } of rows) {
    expect(reads, policy).toBeGreaterThan(0);
    expect(writes, policy).toBeGreaterThan(0);
  }
});

test('reads from any replica are seen to be stale', () => {
  expect(row('random replica').stale).toBeGreaterThan(0);
});

test('no read through this library is', () => {
  const ours = rows.filter(({ policy }) => policy.startsWith('ours'));
  expect(ours.map(({ stale }) => stale)).toEqual([0, 0, 0]);
});

test('nor is one older than another before it, with monotonic reads', () => {
  expect(row('ours, forMs 0, monotonicReads').older).toBe(0);
});

test('reads on the primary and statements that were not asked for are counted', () => {
  expect(row('all on the primary').onPrimary).toBe(row('all on the primary').reads);
  expect(row('random replica').onPrimary).toBe(0);
  expect(row('GitLab').extra).toBeGreaterThanOrEqual(row('GitLab').writes);
});
