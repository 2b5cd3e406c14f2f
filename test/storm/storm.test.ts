import { expect, test } from 'vitest';
import { brokenPromises } from './report.js';
import { reportTable } from './report-table.js';
import { runStorm } from './storm.js';

const seed = 20_261_125;
const program = new URL('../dist/storm/application-process.js', import.meta.url);

test('in a storm of a minute no promise is broken', { timeout: 180_000 }, async ({ annotate }) => {
  const report = await runStorm({ seconds: 60, seed, program });
  const table = reportTable(report);
  await annotate(table);
  expect(brokenPromises(report), table).toEqual([]);
  expect(report.writes, table).toBeGreaterThan(500);
});
