import type { AdminSession } from './admin-session.js';
import { LocalClusterError } from './errors.js';
import { inRecovery, lagIs, replayStandsStill, requestLag } from './replay.js';
import type { ServerNode } from './server-node.js';

/** Sets the replay delay and waits until the server's processes know it. */
export async function setLag(node: ServerNode, milliseconds: number): Promise<void> {
  if (!Number.isInteger(milliseconds) || milliseconds < 0) {
    const message = `A lag is a whole number of milliseconds from 0 on, not ${milliseconds}.`;
    throw new LocalClusterError('ERR_CLUSTER_OPTIONS', message);
  }
  await asReplica(node, (session) => requestLag(session, milliseconds));
  await node.wait('to take the new lag', () => node.session((session) => lagIs(session, milliseconds)));
}

export async function pauseReplay(node: ServerNode): Promise<void> {
  await asReplica(node, async (session) => {
    await session.query('SELECT pg_wal_replay_pause()');
    await node.wait('to pause its replay', () => replayStandsStill(session));
  });
}

export async function resumeReplay(node: ServerNode): Promise<void> {
  await asReplica(node, (session) => session.query('SELECT pg_wal_replay_resume()'));
}

export async function promote(node: ServerNode): Promise<void> {
  await asReplica(node, async (session) => {
    await session.query('SELECT pg_promote(wait => false)');
    await node.wait('to become a primary', async () => !(await inRecovery(session)));
  });
  node.streamFrom(undefined);
}

async function asReplica<Result>(
  node: ServerNode,
  use: (session: AdminSession) => Promise<Result>,
): Promise<Result> {
  return node.session(async (session) => {
    if (await inRecovery(session)) return use(session);
    throw new LocalClusterError(
      'ERR_CLUSTER_STATE',
      `${node.name} is a primary: only a replica can do this.`,
    );
  });
}
