import type { CountedEventName } from './cluster-events.js';
import type { ReplicationEvents } from './events.js';

/** How much a line matters. */
export type LineLevel = 'info' | 'warn' | 'error';

/** What a log says of an event. It holds no path of a request, as that may hold a value. */
export interface EventLine {
  readonly level: LineLevel;
  readonly message: string;
  /** Which node, or which kind of the event, the line is about: each has a rate limit of its own. */
  readonly about: string;
  /** What stands beside the message. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Whether the line tells a state, which is no news when it is told again. */
  readonly state: boolean;
}

type LineMaker<N extends CountedEventName> = (payload: ReplicationEvents[N]) => EventLine | undefined;

/** The line of each event; a maker gives undefined for what is not worth one. */
export const eventLines: { readonly [N in CountedEventName]: LineMaker<N> } = {
  'node-changed': ({ node, to, role, error }) => {
    // A node that is tried again is not news before it has answered.
    if (to === 'connecting') return undefined;
    const level = to === 'up' ? 'info' : 'warn';
    const why = error === undefined ? '' : `: ${error}`;
    const message = `${node} is ${to}${to === 'down' ? why : `, as ${role}`}`;
    return { level, message, about: node, fields: { node, state: to, role }, state: true };
  },
  'primary-changed': ({ cluster, from, to }) =>
    line(
      to === undefined ? 'warn' : 'info',
      to === undefined
        ? `cluster ${cluster} has lost its primary, ${from}`
        : `the primary of cluster ${cluster} is ${to}`,
      { from, to },
    ),
  'read-only-changed': ({ cluster, readOnly }) =>
    readOnly
      ? line('error', `cluster ${cluster} has no primary: nothing can be written`, { readOnly })
      : line('info', `cluster ${cluster} can be written to again`, { readOnly }),
  'node-rejected': ({ node, error }) => ({
    ...line('error', `${node} lets nobody of this configuration in: ${error}`, { node }),
    about: node,
  }),
  'primary-fenced': ({ node, timeline, newest }) => ({
    ...line(
      'error',
      `${node} says that it is the primary, but a promotion has left its timeline behind: nothing is written there`,
      { node, timeline, newest },
    ),
    about: node,
  }),
  'split-brain': ({ cluster, nodes }) =>
    line(
      'error',
      `${nodes.join(' and ')} both say that they are the primary of cluster ${cluster}: nothing is written`,
      { nodes },
    ),
  'fallback-to-primary': ({ cluster, reason }) => ({
    ...line(
      reason === 'pin' ? 'info' : 'warn',
      reason === 'pin'
        ? `a read went to the primary of cluster ${cluster}: no replica had what its client wrote`
        : `a read went to the primary of cluster ${cluster}: no replica could serve it`,
      { reason },
    ),
    about: reason,
  }),
  'write-in-replica-scope': ({ cluster }) =>
    line('info', `a statement that writes ran in a replica scope of cluster ${cluster}`),
  'late-write': ({ cluster }) =>
    line('warn', `a write to cluster ${cluster} was under way when its response had left`),
  'stale-read': ({ cluster, node }) => ({
    ...line(
      'warn',
      `without a primary, a read of cluster ${cluster} that should see more was served by ${node}`,
      {
        node,
      },
    ),
    about: node,
  }),
  overloaded: ({ node }) => ({
    ...line('warn', `a read was refused: ${node}, the primary, has enough of them`, { node }),
    about: node,
  }),
  'dirty-release': ({ node }) => ({
    ...line('warn', `a client was released inside a transaction, so its connection to ${node} was closed`, {
      node,
    }),
    about: node,
  }),
  'nodes-changed': ({ cluster, added, removed }) =>
    line('info', `the nodes of cluster ${cluster} have changed`, { added, removed }),
  'discovery-failed': ({ cluster, error }) =>
    line('warn', `the nodes of cluster ${cluster} could not be found out: ${error}`),
};

function line(level: LineLevel, message: string, fields: EventLine['fields'] = {}): EventLine {
  return { level, message, about: '', fields, state: false };
}
