import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { claimPort, type PortClaim } from '../src/free-port.js';
import { Child, dist } from './child.js';

describe('a claimed port', () => {
  const claims: PortClaim[] = [];
  afterEach(() => {
    for (const claim of claims.splice(0)) claim.release();
  });

  async function claimed(draw?: () => number): Promise<number> {
    const claim = await claimPort(draw);
    claims.push(claim);
    return claim.port;
  }

  it('is not given again while it is claimed', async () => {
    const port = await claimed();
    const draws = [port, port, port + 1];
    expect(await claimed(() => draws.shift() ?? 0)).toBe(port + 1);
  });

  it('is not given to another process', async () => {
    const port = await claimed();
    const other = new Child([
      '--input-type=module',
      '--eval',
      `import { claimPort } from ${JSON.stringify(`${dist}free-port.js`)};
       const one = async (port) => (await claimPort(() => port)).port;
       console.log('same ' + (await one(${port}).catch((error) => error.code)));`,
    ]);
    expect(await other.says('same ')).toBe('ERR_CLUSTER_START');
    await other.ended();
  });

  it('can be listened on, and stays claimed when nobody listens any more', async () => {
    const port = await claimed();
    const server = createServer();
    await once(server.listen(port, '127.0.0.1'), 'listening');
    server.close();
    await once(server, 'close');
    await expect(claimPort(() => port)).rejects.toMatchObject({ code: 'ERR_CLUSTER_START' });
  });

  it('can be had by others once it is let go', async () => {
    const port = await claimed();
    for (const claim of claims.splice(0)) claim.release();
    expect(await claimed(() => port)).toBe(port);
  });
});
