import { describe, expect, test } from 'vitest';
import { compareNodes } from '../../src/cluster/node-list.js';

interface Node {
  readonly name: string;
  readonly at: number;
}

const isSame = (a: Node, b: Node): boolean => a.at === b.at;
const a: Node = { name: 'a', at: 1 };
const b: Node = { name: 'b', at: 2 };
const moved: Node = { name: 'b', at: 3 };

describe('two lists of nodes', () => {
  test.each([
    ['the same in another order are no change', [a, b], [b, a], [], []],
    ['one more is added', [a], [a, b], [b], []],
    ['one less is removed', [a, b], [b], [], ['a']],
    ['one that has moved is removed and added', [a, b], [a, moved], [moved], ['b']],
    ['all of them can go', [a, b], [], [], ['a', 'b']],
    ['all of them can be new', [], [a, b], [a, b], []],
  ])('%s', (_, known, found, added, removed) => {
    expect(compareNodes(known, found, isSame)).toEqual({ added, removed });
  });
});
