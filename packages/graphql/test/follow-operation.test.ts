import { currentReplication, defineReplication, runWithReplication, usePrimary } from '@node-replicated/core';
import { openRequest, runInScope } from '@node-replicated/core/adapter';
import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { followOperation } from '../src/index.js';

const secret = 'the secret of these tests is long enough';

/** Runs a function as the handler of a request. */
function during<T>(fn: () => T, { method = 'POST', overrides = {} } = {}): T {
  const config = defineReplication({ secret, overrides });
  return runInScope(openRequest(config, { method, path: '/graphql', headers: {}, secure: true }), fn);
}

/** Where a request that runs these documents goes, in words. */
function placeOf(
  ...asked: readonly (readonly [document: string, operationName?: string | null | undefined])[]
): string {
  return during(() => {
    for (const [document, name] of asked) followOperation(parse(document), name);
    return place();
  });
}

function place(): string {
  const { role, reason } = currentReplication();
  return `${role} ${reason}`;
}

describe('a request goes by its operation', () => {
  it.each([
    ['{ posts }', 'replica operation'],
    ['query { posts }', 'replica operation'],
    ['query List($page: Int) { posts(page: $page) }', 'replica operation'],
    ['mutation { write }', 'primary operation'],
    ['subscription { written }', 'primary operation'],
    ['{ posts { ...parts } } fragment parts on Post { title }', 'replica operation'],
    ['fragment parts on Post { title } mutation { write { ...parts } }', 'primary operation'],
  ])('%s', (document, expected) => {
    expect(placeOf([document])).toBe(expected);
  });

  it('by the named one of several', () => {
    const document = 'query Read { posts } mutation Write { write } query { others }';
    expect(placeOf([document, 'Read'])).toBe('replica operation');
    expect(placeOf([document, 'Write'])).toBe('primary operation');
  });

  it.each([
    ['query A { posts } query B { posts }', undefined],
    ['query A { posts } query B { posts }', null],
    ['query A { posts } query B { posts }', 'C'],
    ['query A { posts } query B { posts }', ''],
    ['query A { posts } query A { posts }', 'A'],
    ['query A { posts } mutation A { write }', 'A'],
    ['fragment parts on Post { title }', undefined],
    ['type Query { posts: Int }', undefined],
    ['type query { posts: Int }', 'query'],
  ])('by its method where nothing can run: %s with the name %j', (document, name) => {
    expect(placeOf([document, name])).toBe('primary method');
  });

  it('by the one of a batch that may do the most', () => {
    expect(placeOf(['{ posts }'], ['query { others }'])).toBe('replica operation');
    expect(placeOf(['mutation { write }'], ['{ posts }'])).toBe('primary operation');
  });

  it('also where it is sent by GET', () => {
    const run = (document: string): string =>
      during(
        () => {
          followOperation(parse(document));
          return place();
        },
        { method: 'GET' },
      );
    expect([run('{ posts }'), run('mutation { write }')]).toEqual(['replica operation', 'primary operation']);
  });
});

describe('what else says where a request goes counts as ever', () => {
  it('an override of its path', () => {
    const overrides = { 'POST /graphql': 'primary' } as const;
    const query = (): string => {
      followOperation(parse('{ posts }'));
      return place();
    };
    expect(during(query, { overrides })).toBe('primary override');
  });

  it('usePrimary() and decorators, as in a resolver', () => {
    during(() => {
      followOperation(parse('{ posts }'));
      expect(usePrimary(place)).toBe('primary forced');
      expect(place()).toBe('replica operation');
    });
  });

  it('a job keeps its role, and outside anything the primary serves', () => {
    const query = (): string => {
      followOperation(parse('{ posts }'));
      return place();
    };
    expect(runWithReplication({ role: 'primary' }, query)).toBe('primary job');
    expect(query()).toBe('primary outside');
  });
});
