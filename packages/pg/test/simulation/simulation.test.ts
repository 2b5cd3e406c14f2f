import { expect, test } from 'vitest';
import { simulate } from './simulate.js';

test('try', async () => {
  const n = Number(process.env.SIMULATION_SCHEDULES ?? 200);
  const one = process.env.SIMULATION_SEED;
  if (one) {
    const lines: string[] = [];
    const o = await simulate(Number(one), (l) => lines.push(l));
    console.log(lines.join('\n'));
    expect(o.violations).toEqual([]);
    return;
  }
  const found = new Map<string, [number, string, number]>();
  const t = performance.now();
  const c = process.cpuUsage();
  for (let seed = 1; seed <= n; seed++) {
    const o = await simulate(seed);
    for (const v of o.violations) {
      const f = found.get(v.promised);
      found.set(v.promised, f ? [f[0], f[1], f[2] + 1] : [seed, v.how, 1]);
    }
  }
  const u = process.cpuUsage(c);
  console.log('ms per schedule', (performance.now() - t) / n, 'cpu', (u.user + u.system) / 1000 / n);
  console.log(found);
}, 600_000);
