import { type Channel, channel } from 'node:diagnostics_channel';
import type { PinFault } from './pin-token.js';
import type { Reason } from './policy.js';
import type { Role } from './role.js';

/** What each event carries. None holds a secret, a cookie or a parameter value. */
export interface ReplicationEvents {
  /** A statement was sent to a node. Published for every statement, so listen with care. */
  statement: StatementEvent;
  /** A pin that came with a request was ignored. */
  'pin-ignored': { readonly fault: PinFault };
  /** The pin store could not be asked, did not take a pin, or may lack some: clients count as pinned meanwhile. */
  'pin-store-failed': { readonly operation: 'get' | 'advance'; readonly error: string };
  /** A write began, or was still under way, when the response headers had left: no pin could name its position. */
  'late-write': { readonly cluster: string; readonly request: string | undefined };
  /** A statement in a replica scope turned out to write. */
  'write-in-replica-scope': { readonly cluster: string; readonly request: string | undefined };
  /**
   * A read that was meant for a replica went to the primary: no replica could serve it (`no-replica`), or none was
   * known to have replayed what the client wrote (`pin`).
   */
  'fallback-to-primary': { readonly cluster: string; readonly reason: Reason };
  /**
   * A read was served by a replica that may not have replayed what its client wrote: there is no primary, and
   * `staleIfError` is set.
   */
  'stale-read': { readonly cluster: string; readonly node: string; readonly request: string | undefined };
  /** A read on the primary was refused: more of them wanted to run there than `primaryReads` allows. */
  overloaded: { readonly cluster: string; readonly node: string };
  /** A client was released inside a transaction, so its connection was closed. */
  'dirty-release': { readonly cluster: string; readonly node: string };
  /** A node's state or role has changed. */
  'node-changed': NodeChangedEvent;
  /**
   * Discovery has found other nodes than were known. A node that has another address under its name is among both.
   */
  'nodes-changed': {
    readonly cluster: string;
    readonly added: readonly string[];
    readonly removed: readonly string[];
  };
  /** The nodes could not be found out: those that are known are kept. Told once until it works again. */
  'discovery-failed': { readonly cluster: string; readonly error: string };
  /** Another node is the primary from now on, or none is. */
  'primary-changed': {
    readonly cluster: string;
    readonly from: string | undefined;
    readonly to: string | undefined;
  };
  /** From now on the cluster has no primary, so nothing can be written; or it has one again. */
  'read-only-changed': { readonly cluster: string; readonly readOnly: boolean };
  /**
   * A node lets nobody of the pool's configuration in: a password, a right or a certificate is wrong. Told once
   * until it has let somebody in again.
   */
  'node-rejected': { readonly cluster: string; readonly node: string; readonly error: string };
  /** A node says that it is the primary, on a timeline that a promotion has left behind: it is not written to. */
  'primary-fenced': {
    readonly cluster: string;
    readonly node: string;
    readonly timeline: number | undefined;
    /** The newest timeline that was seen. */
    readonly newest: number;
  };
  /** Two nodes say that they are the primary on one timeline. */
  'split-brain': { readonly cluster: string; readonly nodes: readonly string[] };
}

/** One statement, and where it went. */
export interface StatementEvent {
  readonly cluster: string;
  /** `GET /posts/1`; undefined outside a request. */
  readonly request: string | undefined;
  readonly node: string;
  /** The role under which the statement ran, after everything was considered. */
  readonly role: Role;
  readonly reason: Reason;
  /** Which of the node's two pools served it. */
  readonly session: 'reader' | 'writer';
}

/** A node's change of state or role. */
export interface NodeChangedEvent {
  readonly cluster: string;
  readonly node: string;
  readonly from: string;
  readonly to: string;
  readonly role: string;
  /** Why the node is down, in words; undefined when it is not. */
  readonly error: string | undefined;
}

/** The name of an event; its channel is called `node-replicated:<name>`. */
export type ReplicationEventName = keyof ReplicationEvents;

/** The name of an event that belongs to a cluster. */
export type ClusterEventName = {
  [N in ReplicationEventName]: ReplicationEvents[N] extends { readonly cluster: string } ? N : never;
}[ReplicationEventName];

/**
 * What each event belongs to: a cluster, whose pool tells its own listeners too, or a request that no cluster has
 * to do with. `docs/observability.md` documents each, and a test holds the two against each other.
 */
export const eventOrigins: {
  readonly [N in ReplicationEventName]: N extends ClusterEventName ? 'cluster' : 'request';
} = {
  statement: 'cluster',
  'pin-ignored': 'request',
  'pin-store-failed': 'request',
  'late-write': 'cluster',
  'write-in-replica-scope': 'cluster',
  'fallback-to-primary': 'cluster',
  'stale-read': 'cluster',
  overloaded: 'cluster',
  'dirty-release': 'cluster',
  'node-changed': 'cluster',
  'primary-changed': 'cluster',
  'read-only-changed': 'cluster',
  'node-rejected': 'cluster',
  'primary-fenced': 'cluster',
  'split-brain': 'cluster',
  'nodes-changed': 'cluster',
  'discovery-failed': 'cluster',
};

/** Whether a name is that of an event which belongs to a cluster. */
export function isClusterEvent(name: string): name is ClusterEventName {
  return Object.hasOwn(eventOrigins, name) && eventOrigins[name as ReplicationEventName] === 'cluster';
}

const counts = new Map<ReplicationEventName, number>();

/** The channel of an event, for those who must know whether anybody listens before they make its payload. */
export function eventChannel(name: ReplicationEventName): Channel {
  return channel(`node-replicated:${name}`);
}

/** Publishes an event and counts it. Statements, which are not counted, go straight to their channel. */
export function publish<N extends Exclude<ReplicationEventName, 'statement'>>(
  name: N,
  payload: ReplicationEvents[N],
): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
  eventChannel(name).publish(payload);
}

/**
 * Listens to one kind of event of every pool and adapter in this process. What a listener throws reaches nobody
 * but `process.on('uncaughtException')`, so without that it ends the process.
 *
 * @returns a function that stops listening
 */
export function onReplicationEvent<N extends ReplicationEventName>(
  name: N,
  listener: (payload: ReplicationEvents[N]) => void,
): () => void {
  const relay = (payload: unknown): void => listener(payload as ReplicationEvents[N]);
  eventChannel(name).subscribe(relay);
  return () => {
    eventChannel(name).unsubscribe(relay);
  };
}

/** How often each event happened in this process. Statements are not counted. */
export function replicationCounts(): Readonly<Partial<Record<ReplicationEventName, number>>> {
  return Object.fromEntries(counts);
}
