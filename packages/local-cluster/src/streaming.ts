import type { AdminSession } from './admin-session.js';
import { isTrue } from './replay.js';
import type { ServerNode } from './server-node.js';

const STREAM_LIMIT_MS = 30_000;

/** Waits until a standby streams from its upstream, and both ends know it. A primary has nothing to wait for. */
export async function waitUntilStreaming(node: ServerNode): Promise<void> {
  const { upstream } = node;
  if (!upstream) return;
  await node.wait(`to stream from ${upstream.name}`, () => streamsFrom(node, upstream), STREAM_LIMIT_MS);
}

/**
 * Whether a standby receives its upstream's present timeline.
 *
 * The timeline is part of the question: a node whose history has gone another way is sent the common
 * part of it before it is refused.
 */
export async function streamsFrom(node: ServerNode, upstream: ServerNode): Promise<boolean> {
  const sent = await upstream.session(async (session) => ({
    timeline: await timeline(session),
    streaming: await isTrue(
      session,
      `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming') AS yes`,
      [node.name],
    ),
  }));
  return (
    sent.streaming && (await node.session((session) => receives(session, upstream.serverPort, sent.timeline)))
  );
}

/** The timeline a node is on. A standby learns it from its stream, or else from its last checkpoint. */
export async function timeline(session: AdminSession): Promise<number> {
  const { rows } = await session.query<{ timeline: number }>(
    `SELECT CASE WHEN pg_is_in_recovery()
       THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver),
                     (SELECT timeline_id FROM pg_control_checkpoint()))
       ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
     END AS timeline`,
  );
  return rows[0]?.timeline ?? 0;
}

async function receives(session: AdminSession, port: number, onTimeline: number): Promise<boolean> {
  return isTrue(
    session,
    `SELECT EXISTS (SELECT FROM pg_stat_wal_receiver
                     WHERE status = 'streaming' AND sender_port = $1 AND received_tli = $2) AS yes`,
    [port, onTimeline],
  );
}
