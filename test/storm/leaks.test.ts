import { expect, test } from 'vitest';
import { leakedConnections, type NodeConnections } from './leaks.js';

const quiet: NodeConnections = { node: 'a', onServer: 5, inPools: 5, inUse: 0, waiting: 0 };

test('when servers and pools agree, and nobody uses anything, nothing leaks', () => {
  expect(leakedConnections([quiet, { ...quiet, node: 'b', onServer: 2, inPools: 2 }])).toBe(0);
});

test('a session that no pool knows of leaks', () => {
  expect(leakedConnections([{ ...quiet, onServer: 7 }])).toBe(2);
});

test('a connection that the server has given up long ago leaks', () => {
  expect(leakedConnections([{ ...quiet, onServer: 4 }])).toBe(1);
});

test('what is lacking on one node does not make up for what is too much on another', () => {
  expect(
    leakedConnections([
      { ...quiet, onServer: 4 },
      { ...quiet, onServer: 6 },
    ]),
  ).toBe(2);
});

test('a client that is never released leaks, and who waits for one for ever does too', () => {
  expect(leakedConnections([{ ...quiet, inUse: 1 }])).toBe(1);
  expect(leakedConnections([{ ...quiet, waiting: 3 }])).toBe(3);
});
