import { expect, describe as group, test } from 'vitest';
import { describe, legalMoves, type NodeState, unknownNode } from '../../src/cluster/node-description.js';
import { described } from './fake-node.js';

const states = Object.keys(legalMoves) as NodeState[];

group('a description', () => {
  test('of a node that was never seen knows nothing', () => {
    expect(unknownNode('a')).toMatchObject({ node: 'a', state: 'connecting', role: 'unknown', failures: 0 });
  });

  test('is frozen, and a newer one leaves it as it was', () => {
    const before = unknownNode('a');
    const after = describe(before, { state: 'up', role: 'replica' });
    expect([Object.isFrozen(before), Object.isFrozen(after)]).toEqual([true, true]);
    expect([before.state, after.state]).toEqual(['connecting', 'up']);
  });

  test('keeps what the news do not mention', () => {
    const after = describe(described('a', { position: '7' }), { failures: 1 });
    expect(after).toMatchObject({ node: 'a', state: 'up', position: '7', failures: 1 });
  });

  test.each(states.flatMap((from) => states.map((to) => [from, to] as const)))(
    'that is %s becomes %s only where the table says so',
    (from, to) => {
      const move = (): unknown => describe(described('a', { state: from }), { state: to });
      if (from === to || legalMoves[from].includes(to)) expect(move()).toMatchObject({ state: to });
      else expect(move).toThrow(`a cannot go from ${from} to ${to}`);
    },
  );

  test('a node that is down is tried before it serves again', () => {
    expect(legalMoves.down).toEqual(['connecting']);
  });
});
