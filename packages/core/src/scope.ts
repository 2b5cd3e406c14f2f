import { AsyncLocalStorage } from 'node:async_hooks';
import { isReadOnly } from './cluster-registry.js';
import type { Durability } from './durability.js';
import { type Decision, outsideDecision, type Reason } from './policy.js';
import { type Role, type RoleName, type RoleRule, toRoleRule } from './role.js';
import { type RoleSwitch, toRoleSwitch } from './role-switch.js';
import { Session } from './session.js';
import { startLazy } from './start-lazy.js';

/** One level of a request's replication state: the shared session, and the role forced at this level. */
export class Scope {
  readonly session: Session;
  readonly rule: RoleRule | undefined;
  /** Inner switches are ignored. */
  readonly locked: boolean;
  /** What commits wait for; undefined: what the database is set to. */
  readonly durability: Durability | undefined;
  #cluster: string | undefined;
  #revision = -1;
  #decision: Decision = outsideDecision;

  constructor(session: Session, rule?: RoleRule, locked = false, durability?: Durability) {
    this.session = session;
    this.rule = rule;
    this.locked = locked;
    this.durability = durability;
  }

  /** Where this scope's statements of a cluster go. Remembered until something changes it. */
  decide(cluster: string): Decision {
    if (this.#cluster !== cluster || this.#revision !== this.session.revision) {
      this.#decision = this.session.decide(this.rule, cluster);
      this.#cluster = cluster;
      this.#revision = this.session.revision;
    }
    return this.#decision;
  }
}

/**
 * The storage is shared by every copy of this package in the process: with one copy under the web framework
 * and another under the pool, requests would otherwise look like scripts to the pool.
 */
const storageKey = Symbol.for('node-replicated.scope@1');
const shared = globalThis as { [storageKey]?: AsyncLocalStorage<Scope | undefined> };
shared[storageKey] ??= new AsyncLocalStorage<Scope | undefined>();
const storage = shared[storageKey];

/** The scope under which the caller runs; undefined outside any. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/** Runs a function inside a scope, or, with undefined, outside any. */
export function runInScope<T, A extends unknown[]>(
  scope: Scope | undefined,
  fn: (...args: A) => T,
  ...args: A
): T {
  return storage.run(scope, fn, ...args);
}

/** Runs a function inside a scope, with what it returns: see {@link startLazy}. */
export function runToStart<T>(scope: Scope, fn: () => T): T {
  return storage.run(scope, () => startLazy(fn()));
}

/**
 * Runs a function under a rule of its own, within the session that is under way, if one is. A statement that it
 * returns without having started it is started there, unless the caller is under the same rule.
 */
export function runWithSwitch<T>({ rule, lock, durability }: RoleSwitch, fn: () => T): T {
  const outer = currentScope();
  if (outer?.locked === true) return fn();
  const session = outer?.session ?? new Session();
  const scope = new Scope(session, rule, lock, durability ?? outer?.durability);
  return outer?.rule === rule ? storage.run(scope, fn) : runToStart(scope, fn);
}

/** What {@link usePrimary} takes. */
export interface UsePrimaryOptions {
  /** Ignore `useReplica()` and decorators inside. @default false */
  readonly lock?: boolean;
  /**
   * What this function's commits wait for, in the words of PostgreSQL's `synchronous_commit`. A statement outside
   * any transaction gets one of its own. After `remote_apply` its client may read from a replica at once, whatever
   * `forMs` is. @default what the scope around it says, or the database
   */
  readonly durability?: Durability;
}

/** What {@link useReplica} takes. */
export interface UseReplicaOptions extends Omit<RoleRule, 'role'> {
  /** Ignore `usePrimary()` and decorators inside. @default false */
  readonly lock?: boolean;
}

/**
 * Runs a function whose statements go to the primary, and returns what it returns; a query builder that would begin
 * only when it is awaited begins here, and is returned as a promise. The caller's own role is unchanged, also when
 * the function throws.
 *
 * @throws ERR_OPTION for a setting that does not exist
 */
export function usePrimary<T>(fn: () => T): T;
export function usePrimary<T>(options: UsePrimaryOptions, fn: () => T): T;
export function usePrimary<T>(...given: [() => T] | [UsePrimaryOptions, () => T]): T {
  if (given.length === 1) return runWithSwitch(toPrimary, given[0]);
  return runWithSwitch(toRoleSwitch('primary', given[0], 'usePrimary()'), given[1]);
}

/**
 * Runs a function whose statements go to a replica, and returns what it returns, a query builder as a promise.
 * Statements that turn out to write still run on the primary.
 *
 * @throws ERR_OPTION for a setting that does not exist, or a value it cannot have
 */
export function useReplica<T>(fn: () => T): T;
export function useReplica<T>(options: UseReplicaOptions, fn: () => T): T;
export function useReplica<T>(...given: [() => T] | [UseReplicaOptions, () => T]): T {
  if (given.length === 1) return runWithSwitch(toReplica, given[0]);
  return runWithSwitch(toRoleSwitch('replica', given[0], 'useReplica()'), given[1]);
}

const toPrimary = toRoleSwitch('primary', undefined, 'usePrimary()');
const toReplica = toRoleSwitch('replica', undefined, 'useReplica()');

/** What {@link runWithReplication} takes. */
export interface RunWithReplicationOptions extends Omit<RoleRule, 'role'> {
  /** @default 'primary' */
  readonly role?: RoleName;
}

/**
 * Runs a job or a script in a session of its own: in role `replica` its reads go to replicas until it writes,
 * and to the primary from then on. A request or a lock that is under way has no say in it.
 *
 * @throws ERR_ROLE or ERR_OPTION for a setting that cannot be
 */
export function runWithReplication<T>(options: RunWithReplicationOptions, fn: () => T): T {
  const job = toRoleRule({ ...options, role: options.role ?? 'primary' }, 'runWithReplication()');
  return runToStart(new Scope(new Session({ job })), fn);
}

/** What {@link currentReplication} tells. */
export interface ReplicationState {
  readonly role: Role;
  readonly reason: Reason;
  /** Whether a cluster of this process has no primary just now. */
  readonly readOnly: boolean;
  /** Whether the request has written. */
  readonly wrote: boolean;
}

/**
 * The role under which the caller's next statement runs, and why.
 *
 * @param cluster the name of the pool, where there are several
 */
export function currentReplication(cluster = 'main'): ReplicationState {
  return stateOf(currentScope(), cluster);
}

/** The state of a given scope; undefined stands for outside any. */
export function stateOf(scope: Scope | undefined, cluster: string): ReplicationState {
  const { role, reason } = scope?.decide(cluster) ?? outsideDecision;
  return { role, reason, readOnly: isReadOnly(), wrote: scope?.session.wrote() ?? false };
}
