import { expect, it } from 'vitest';
import { serverTiming } from '../src/server-timing.js';

const use = { role: 'replica', reason: 'method' } as const;

it.each([
  ['a name', 'a name'],
  ['say "db"', 'say \\"db\\"'],
  ['back\\slash', 'back\\\\slash'],
  ['línea\r\nSet-Cookie: x', 'l?nea??Set-Cookie: x'],
])('the name of a node cannot break out of its header: %j', (node, quoted) => {
  expect(serverTiming([{ ...use, node }])).toBe(`replication;desc="replica, method, ${quoted}"`);
});
