import { beforeEach, describe, expect, it } from 'vitest';
import { ServerMemory } from '../src/server-memory.js';

const none = '0'.repeat(40);
const day = 86_400;
const now = 1_000_000_000;

let memory: ServerMemory;

beforeEach(() => {
  memory = new ServerMemory();
});

describe('Redis has kept everything', () => {
  it('since its server was started, where that has never taken another one’s place', () => {
    memory.hear({ history: 'a', uptimeSeconds: day, formerHistory: none }, now);
    expect(memory.completeSince).toBe(now - day * 1_000);
  });

  it('since a server is known that goes on with the history of another, however long it runs', () => {
    memory.hear({ history: 'a', uptimeSeconds: day, formerHistory: none }, now);
    memory.hear({ history: 'b', uptimeSeconds: day, formerHistory: 'a' }, now + 5_000);
    expect(memory.completeSince).toBe(now + 5_000);
  });

  it('since the last of its servers was started', () => {
    memory.hear({ history: 'a', uptimeSeconds: 60, formerHistory: none }, now);
    memory.hear({ history: 'b', uptimeSeconds: day, formerHistory: none }, now);
    expect(memory.completeSince).toBe(now - 60_000);
  });

  it('as long as before, when a server answers that is known', () => {
    memory.hear({ history: 'a', uptimeSeconds: day, formerHistory: 'z' }, now);
    memory.hear({ history: 'b', uptimeSeconds: day, formerHistory: none }, now + 1);
    for (const history of ['a', 'b', 'a']) {
      memory.hear({ history, uptimeSeconds: 0, formerHistory: '' }, now + 60_000);
      expect(memory.latest).toBe(history);
    }
    expect(memory.completeSince).toBe(now);
  });

  it('since not less long, when more servers have answered than are remembered', () => {
    for (let n = 0; n < 3_000; n++) {
      const before = memory.completeSince;
      memory.hear({ history: `h${n}`, uptimeSeconds: day, formerHistory: none }, now + n);
      expect(memory.completeSince).toBeGreaterThanOrEqual(before);
    }
  });
});
