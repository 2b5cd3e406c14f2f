import { describe, expect, test } from 'vitest';
import { StatementMemory } from '../src/statement.js';
import { readCall, type StatementCall } from '../src/statement-call.js';
import { budgetOf } from '../src/time-budget.js';

function call(config: unknown): StatementCall {
  return readCall(config, undefined, undefined, new StatementMemory());
}

describe('the time of a statement', () => {
  test('is unlimited where nobody limits it', () => {
    expect(budgetOf(call('SELECT 1'), {})).toBeUndefined();
    expect(budgetOf(call('SELECT 1'), { query_timeout: 0, statement_timeout: false })).toBeUndefined();
  });

  test('is all there the first time', () => {
    const first = call('SELECT 1');
    expect(budgetOf(first, { query_timeout: 100 })?.next(1_000)).toBe(first);
  });

  test.each([
    ['query_timeout', { query_timeout: 100 }],
    ['statement_timeout', { statement_timeout: 100 }],
    ['the shorter of both', { query_timeout: 900, statement_timeout: 100 }],
  ])('the second time is what is left: %s', (_, settings) => {
    const budget = budgetOf(call('SELECT 1'), settings);
    budget?.next(1_000);
    expect(budget?.next(1_030)?.config).toMatchObject({ text: 'SELECT 1', query_timeout: 70 });
  });

  test('is the one of the statement rather than that of the pool', () => {
    const budget = budgetOf(call({ text: 'SELECT 1', query_timeout: 50 }), { query_timeout: 100 });
    budget?.next(0);
    expect(budget?.next(20)?.config).toMatchObject({ query_timeout: 30 });
  });

  test('is over at the end', () => {
    const budget = budgetOf(call('SELECT 1'), { query_timeout: 100 });
    budget?.next(0);
    expect(budget?.next(100)).toBeUndefined();
  });

  test("leaves the user's object as it is, and does not lose what its class gives", () => {
    class Statement {
      get text(): string {
        return 'SELECT $1';
      }
      readonly values = [1];
      readonly query_timeout = 100;
    }
    const mine = new Statement();
    const budget = budgetOf(call(mine), {});
    budget?.next(0);
    expect(budget?.next(40)?.config).toMatchObject({ text: 'SELECT $1', values: [1], query_timeout: 60 });
    expect(mine.query_timeout).toBe(100);
  });
});
