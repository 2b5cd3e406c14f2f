import { Session as InspectorSession, type Profiler } from 'node:inspector';
import { afterAll, describe, expect, test } from 'vitest';
import { overridesOf } from './many-overrides.js';

const engine = new InspectorSession();
engine.connect();
engine.post('Profiler.enable');
// Blocks are counted only in functions that were compiled after this, so what is measured is imported below.
engine.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const { compileOverrides } = await import('../src/overrides.js');

afterAll(() => {
  engine.post('Profiler.stopPreciseCoverage');
  engine.disconnect();
});

/** How many functions and blocks run, as the engine itself counts them. */
function stepsOf(fn: () => unknown): number {
  let steps = 0;
  engine.post('Profiler.takePreciseCoverage');
  fn();
  engine.post('Profiler.takePreciseCoverage', (_, counted: Profiler.TakePreciseCoverageReturnType) => {
    for (const script of counted.result)
      for (const { ranges } of script.functions) for (const { count } of ranges) steps += count;
  });
  return steps;
}

describe('the cost of a look-up', () => {
  test.each([
    ['a plain key', { path: '/section-8/page' }],
    ['a key with a parameter', { path: '/section-9/7/edit' }],
    ['a key with a star', { path: '/section-6/files/a' }],
    ['a name', { path: '/', view: 'Section7.list' }],
    ['nothing', { path: '/nowhere/at/all' }],
  ])('does not grow with the map: %s among 10 keys and among 4,000', { timeout: 30_000 }, (_, given) => {
    const facts = { method: 'GET', view: undefined, route: undefined, ...given };
    const [few = 0, many = 0] = [10, 4_000].map((size) => {
      const table = compileOverrides(overridesOf(size));
      table.find(facts);
      return stepsOf(() => table.find(facts));
    });
    expect(few).toBeGreaterThan(3);
    expect(many).toBeLessThan(5 * few);
  });

  test('is counted: a walk through a list of 4,000 would be seen', () => {
    const keys = Object.keys(overridesOf(4_000));
    expect(stepsOf(() => keys.some((key) => key === 'none'))).toBeGreaterThan(3_000);
    expect(
      stepsOf(() => {
        for (const key of keys) if (key === 'none') return;
      }),
    ).toBeGreaterThan(3_000);
  });
});
