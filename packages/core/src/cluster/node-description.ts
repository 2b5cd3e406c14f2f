import type { Position } from '../position.js';

/** What one probe has seen of a node, in words that fit every engine. */
export interface Observation {
  readonly role: 'primary' | 'replica';
  /** Written, on a primary; replayed, on a replica. */
  readonly position: Position | undefined;
  /** Which of the histories that promotions have branched off; undefined where the engine or the rights hide it. */
  readonly timeline: number | undefined;
  /** Which cluster the node's data belongs to. */
  readonly systemIdentifier: string | undefined;
  /** Whether a replica is receiving from somewhere; undefined where that is not known. */
  readonly streaming: boolean | undefined;
  /** What would let the session see more, in the engine's words. */
  readonly hint?: string | undefined;
}

/**
 * - `connecting`: nothing is known yet, or a node that was down is being tried again;
 * - `up`: it serves;
 * - `lagging`: it answers, and is too far behind to be read from;
 * - `down`: it does not answer.
 */
export type NodeState = 'connecting' | 'up' | 'lagging' | 'down';

/**
 * Why a probe has failed:
 * - `unreachable`: nobody listens there, or the node's name leads nowhere;
 * - `rejected`: the server lets nobody of this configuration in: a password, a right, a certificate;
 * - `not-ready`: the server is starting up or shutting down;
 * - `full`: the server has no connection left;
 * - `no-answer`: anything else, above all silence and broken connections.
 */
export type NodeFailure = 'unreachable' | 'rejected' | 'not-ready' | 'full' | 'no-answer';

/** All that is known of a node at one moment. It is frozen: a newer one takes its place. */
export interface NodeDescription {
  readonly node: string;
  readonly state: NodeState;
  readonly role: 'primary' | 'replica' | 'unknown';
  readonly position: Position | undefined;
  readonly timeline: number | undefined;
  readonly systemIdentifier: string | undefined;
  readonly streaming: boolean | undefined;
  readonly hint: string | undefined;
  /** How long the last probe took, in ms. */
  readonly roundTripMs: number | undefined;
  /** For how long the node has not shown what the primary had, in ms; undefined when it is not known. */
  readonly lagMs: number | undefined;
  /** When the last probe that was answered ended, on the monitor's clock. */
  readonly observedAt: number | undefined;
  /** How many probes in a row have failed. */
  readonly failures: number;
  /** Why the last probe failed. */
  readonly error: Error | undefined;
  /** The same in one word. */
  readonly failure: NodeFailure | undefined;
}

/** The legal moves between states. A move that is not here is a fault of the monitor. */
export const legalMoves: Readonly<Record<NodeState, readonly NodeState[]>> = {
  connecting: ['up', 'lagging', 'down'],
  up: ['lagging', 'down'],
  lagging: ['up', 'down'],
  down: ['connecting'],
};

/** A node of which nothing is known. */
export function unknownNode(node: string): NodeDescription {
  return Object.freeze({
    node,
    state: 'connecting',
    role: 'unknown',
    position: undefined,
    timeline: undefined,
    systemIdentifier: undefined,
    streaming: undefined,
    hint: undefined,
    roundTripMs: undefined,
    lagMs: undefined,
    observedAt: undefined,
    failures: 0,
    error: undefined,
    failure: undefined,
  });
}

/**
 * The description that follows another when something new is known.
 *
 * @throws an Error when the move between the two states is not legal
 */
export function describe(previous: NodeDescription, news: Partial<NodeDescription>): NodeDescription {
  const next = Object.freeze({ ...previous, ...news });
  if (next.state !== previous.state && !legalMoves[previous.state].includes(next.state)) {
    throw new Error(`${previous.node} cannot go from ${previous.state} to ${next.state}.`);
  }
  return next;
}
