import type { OperationType } from './operation.js';
import type { PinDemand } from './pin.js';
import type { Position } from './position.js';
import type { Role, RoleRule } from './role.js';

/** Why a statement went where it went. This is the whole set. */
export type Reason =
  /** a decorator, a route setting or `usePrimary()` / `useReplica()` said so */
  | 'forced'
  /** the trusted header said so */
  | 'header'
  /** the override map said so */
  | 'override'
  /** the client has written, and no replica is known to have replayed that yet */
  | 'pin'
  /** the client has written, and this replica has replayed it */
  | 'caught-up'
  /** the HTTP method reads, or writes */
  | 'method'
  /** the GraphQL operation reads, or writes */
  | 'operation'
  /** `runWithReplication()` or `runWithPin()` gave a job its role */
  | 'job'
  /** no request is under way: scripts, start-up */
  | 'outside'
  /** this very request has written */
  | 'own-write'
  /** the statement writes, whatever the role said */
  | 'write'
  /** no replica can serve */
  | 'no-replica'
  /** the client has written, and as there is no primary, a replica that may not have replayed that serves */
  | 'stale';

/** Where a request's statements go, and why. */
export interface Decision {
  readonly role: Role;
  readonly reason: Reason;
  /**
   * Whether statements start on the primary's writer. Otherwise they start on a reader, and what turns out to
   * write is run on the writer: so a request that only reads on the primary is known not to have written.
   */
  readonly writes: boolean;
  /** The conditions on a replica, where the rule that decided states any. */
  readonly rule: RoleRule | undefined;
  /** The position that a replica must have reached, or, where a rule forces the role, had better. */
  readonly position: Position | undefined;
  /** The position that the client's pin names, wherever statements go: a primary must be of no older history. */
  readonly pinned: Position | undefined;
}

/** All that a decision depends on. */
export interface PolicyInput {
  /** The rule of the innermost decorator, route setting or `usePrimary()` / `useReplica()`. */
  readonly forced: RoleRule | undefined;
  /** What the trusted header asks for. */
  readonly header: Role | undefined;
  /** The most specific override of this route. */
  readonly override: RoleRule | undefined;
  /** What the client's pin asks. */
  readonly pin: PinDemand;
  /** The position that it names, whatever it asks. */
  readonly pinned: Position | undefined;
  /** The request has written to this cluster. */
  readonly wrote: boolean;
  /** Whether the HTTP method only reads; undefined outside any request. */
  readonly safe: boolean | undefined;
  /** What of GraphQL the request does, where that is known: it counts in place of the method. */
  readonly operation: OperationType | undefined;
  /** The rule that a job was started with. */
  readonly job: RoleRule | undefined;
}

const outside = fixed('primary', 'outside', true);
const pinnedRead = fixed('primary', 'pin', false);
const ownWriteRead = fixed('primary', 'own-write', false);
const readingMethod = fixed('replica', 'method', false);
const writingMethod = fixed('primary', 'method', true);
const query = fixed('replica', 'operation', false);
const mutation = fixed('primary', 'operation', true);
const subscription = fixed('primary', 'operation', false);

/** The decision of everything that runs outside a scope. */
export const outsideDecision: Decision = outside;

/**
 * Decides where statements go: by the forced rule, the trusted header, the override map, the pin, the HTTP
 * method or the GraphQL operation, in this order, where one that writes needs no pin; by a job's pin and its own rule; outside of all of
 * these, to the primary. A request that has written reads on the primary from then on, unless a rule asks for `eventual`
 * consistency.
 */
export function decide(input: PolicyInput): Decision {
  const { pinned } = input;
  const decision = decideRole(input);
  return pinned === undefined ? decision : { ...decision, pinned };
}

function decideRole(input: PolicyInput): Decision {
  const { forced, header, override, safe, operation, job } = input;
  if (forced !== undefined) return explicit(forced, 'forced', input);
  if (header !== undefined) return explicit({ role: header }, 'header', input);
  if (override !== undefined) return explicit(override, 'override', input);
  if (job !== undefined) return jobs(job, input);
  if (safe === undefined) return outside;
  if (operation !== undefined) return operations(operation, input);
  return safe ? readings(readingMethod, input) : writingMethod;
}

function operations(operation: OperationType, input: PolicyInput): Decision {
  if (operation === 'mutation') return mutation;
  return operation === 'query' ? readings(query, input) : subscription;
}

function readings(reading: Decision, { pin, wrote }: PolicyInput): Decision {
  if (pin === 'primary') return pinnedRead;
  if (wrote) return ownWriteRead;
  return pin === 'none' ? reading : { ...reading, reason: 'caught-up', position: pin.position };
}

/** A job reads what the client has written whose pin it was given. */
function jobs(job: RoleRule, input: PolicyInput): Decision {
  const { pin, wrote } = input;
  const pinned = job.role === 'replica' && (job.consistency ?? 'session') === 'session' && !wrote;
  if (!pinned || pin === 'none') return explicit(job, 'job', input);
  if (pin === 'primary') return pinnedRead;
  return { ...readingMethod, reason: 'caught-up', rule: job, position: pin.position };
}

function explicit(rule: RoleRule, reason: Reason, { pin, wrote, safe, operation }: PolicyInput): Decision {
  const reads = operation === undefined ? safe === true : operation !== 'mutation';
  if (rule.role === 'primary' || rule.consistency === 'strong') {
    return {
      role: 'primary',
      reason,
      writes: rule.role === 'primary' && !reads,
      rule,
      position: undefined,
      pinned: undefined,
    };
  }
  const eventual = rule.consistency === 'eventual';
  if (wrote && !eventual) return ownWriteRead;
  const position = typeof pin === 'object' && !eventual ? pin.position : undefined;
  return { role: 'replica', reason, writes: false, rule, position, pinned: undefined };
}

/** Whether a decision's position must be reached, as opposed to being preferred. */
export function requiresPosition({ reason, position }: Decision): boolean {
  return reason === 'caught-up' && position !== undefined;
}

function fixed(role: Role, reason: Reason, writes: boolean): Decision {
  return Object.freeze({ role, reason, writes, rule: undefined, position: undefined, pinned: undefined });
}
