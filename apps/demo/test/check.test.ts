import { describe, expect, it } from 'vitest';
import { check } from '../src/check.js';
import type { Expectation } from '../src/scenario.js';
import type { ServedStatement } from '../src/served-by.js';

const read: ServedStatement = {
  node: 'replica-1',
  role: 'replica',
  reason: 'method',
  port: 5433,
  standby: true,
};
const expects: Expectation = { served: ['replica method'], shows: 'Hello', hides: 'secret' };
const pin = 'replication_pin=token; Max-Age=300; Path=/; HttpOnly; SameSite=Lax';

interface Answer {
  readonly status?: number;
  readonly statements?: readonly ServedStatement[];
  readonly cookies?: readonly string[];
  readonly body?: string;
}

function faults(answer: Answer, expectation: Expectation = expects): readonly string[] {
  const { status = 200, statements = [read], cookies = [], body = 'Hello, world' } = answer;
  const headers = new Headers([
    ['x-served-by', JSON.stringify(statements)],
    ...cookies.map((cookie): [string, string] => ['set-cookie', cookie]),
  ]);
  const nodeAt = (port: number): string | undefined => ['primary', 'replica-1'][port - 5432];
  return check({ status, headers, body }, expectation, nodeAt).faults;
}

describe('a row of demo --once', () => {
  it('is right when everything is', () => {
    expect(faults({})).toEqual([]);
    expect(faults({ cookies: [pin] }, { ...expects, pins: true })).toEqual([]);
    expect(faults({ statements: [read, read] })).toEqual([]);
  });

  it.each<[string, Answer, RegExp]>([
    ['another status', { status: 500 }, /status 500, expected 200/],
    [
      'a statement for another reason',
      { statements: [{ ...read, reason: 'forced' }] },
      /replica forced, expected/,
    ],
    [
      'a statement too many',
      { statements: [read, { ...read, reason: 'override' }] },
      /replica override, expected/,
    ],
    ['no statement', { statements: [] }, /served by nothing/],
    [
      'a primary that answered as a replica',
      { statements: [{ ...read, standby: false }] },
      /served by primary method/,
    ],
    [
      'a node that is not the one named',
      { statements: [{ ...read, port: 5432 }] },
      /says replica-1 .* was primary/,
    ],
    ['a server of no known node', { statements: [{ ...read, port: 1 }] }, /the server was port 1/],
    ['a Set-Cookie that should not be', { cookies: ['a=b'] }, /there is a Set-Cookie/],
    ['a page without what it should show', { body: 'Goodbye' }, /does not show 'Hello'/],
    ['a page with what it should hide', { body: 'Hello secret' }, /shows 'secret'/],
  ])('is wrong with %s', (_, answer, fault) => {
    expect(faults(answer).join('; ')).toMatch(fault);
  });

  it.each([
    ['no cookie', []],
    ['a cookie of another name', ['a=b; Path=/; HttpOnly; SameSite=Lax']],
    ['a cookie that scripts can read', ['replication_pin=token; Path=/; SameSite=Lax']],
    ['two cookies', [pin, 'a=b']],
  ])('is wrong with %s where a pin is due', (_, cookies) => {
    expect(faults({ cookies }, { ...expects, pins: true })).toEqual([
      'there is no Set-Cookie that pins, or not only that',
    ]);
  });

  it('is wrong when the answer does not tell who served it', () => {
    const silent = { status: 200, headers: new Headers(), body: 'Hello' };
    expect(() => check(silent, expects, () => undefined)).toThrow(SyntaxError);
  });
});
