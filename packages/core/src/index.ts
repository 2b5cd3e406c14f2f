export type { PinCookieOptions } from './cookie-options.js';
export type { Durability } from './durability.js';
export { type ErrorCode, errorCodes, ReplicationError } from './errors.js';
export {
  type NodeChangedEvent,
  onReplicationEvent,
  type ReplicationEventName,
  type ReplicationEvents,
  replicationCounts,
  type StatementEvent,
} from './events.js';
export type { NodeUse } from './node-use.js';
export {
  defineReplication,
  type PinOptions,
  type ReplicationConfig,
  type ReplicationOptions,
} from './options.js';
export type { Overrides } from './overrides.js';
export type { PinStoreOptions } from './pin-keeper.js';
export { exportPin, type RunWithPinOptions, runWithPin } from './pin-passing.js';
export { MemoryPinStore, type PinStore } from './pin-store.js';
export type { Decision, Reason } from './policy.js';
export type { Consistency, Role, RoleName, RoleRule, RoleRuleInput } from './role.js';
export {
  currentReplication,
  type ReplicationState,
  type RunWithReplicationOptions,
  runWithReplication,
  type UsePrimaryOptions,
  type UseReplicaOptions,
  usePrimary,
  useReplica,
} from './scope.js';
