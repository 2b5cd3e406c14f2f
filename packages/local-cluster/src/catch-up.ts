import type { AdminSession } from './admin-session.js';
import { hasDiverged } from './divergence.js';
import { LocalClusterError } from './errors.js';
import { inRecovery, isTrue } from './replay.js';
import type { ServerNode } from './server-node.js';
import { timeline } from './streaming.js';

export interface CatchUpOptions {
  /** @default 30_000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_LIMIT_MS = 30_000;
const LAST_LINES = 6;

/**
 * Waits until every replica that can has replayed what the present primary has written so far. Those
 * that cannot are left out: stopped, frozen or paused ones, those that follow no living node, and those
 * whose history has gone another way.
 */
export async function waitForCatchUp(
  nodes: readonly ServerNode[],
  options: CatchUpOptions = {},
): Promise<void> {
  const { timeoutMs = DEFAULT_LIMIT_MS, signal } = options;
  const primary = await presentPrimary(nodes);
  const { rows } = await primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
  const lsn = rows[0]?.lsn;
  const followers = followersOf(primary, nodes);
  await Promise.all(
    followers.map((node) =>
      node.session((session) => {
        const check = async (): Promise<boolean> => {
          signal?.throwIfAborted();
          return (await hasReplayed(session, lsn)) || (await isLost(node, session));
        };
        return node.wait(`to catch up with ${primary.name} at ${lsn}`, check, timeoutMs);
      }),
    ),
  );
}

function hasReplayed(session: AdminSession, lsn: string | undefined): Promise<boolean> {
  const sql = 'SELECT pg_is_wal_replay_paused() OR pg_last_wal_replay_lsn() >= $1::pg_lsn AS yes';
  return isTrue(session, sql, [lsn]);
}

/** Whether it says again and again that its history is not that of its upstream. */
async function isLost(node: ServerNode, session: AdminSession): Promise<boolean> {
  const streaming = `SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS yes`;
  if (await isTrue(session, streaming)) return false;
  return hasDiverged((await node.log()).split('\n').slice(-LAST_LINES).join('\n'));
}

/** Those that stream from a node, directly or through each other, with nobody on the way that is down. */
export function followersOf<
  Node extends Pick<ServerNode, 'responsive'> & { readonly upstream: Node | undefined },
>(primary: Node, nodes: readonly Node[]): Node[] {
  const reaches = (node: Node): boolean =>
    node.responsive && node.upstream !== undefined && (node.upstream === primary || reaches(node.upstream));
  return nodes.filter(reaches);
}

/** After a promotion two nodes may think that they are it; the higher timeline is right. */
async function presentPrimary(nodes: readonly ServerNode[]): Promise<ServerNode> {
  let best: { node: ServerNode; timeline: number } | undefined;
  for (const node of nodes.filter(({ responsive }) => responsive)) {
    const found = await node.session(async (session) =>
      (await inRecovery(session)) ? undefined : { node, timeline: await timeline(session) },
    );
    if (found && found.timeline > (best?.timeline ?? 0)) best = found;
  }
  if (best) return best.node;
  throw new LocalClusterError(
    'ERR_CLUSTER_STATE',
    'No primary is running: restart it, or promote a replica.',
  );
}
