/**
 * The door for those who write an adapter: of a web framework, of decorators, or of a database.
 */
export { badOption, requireSettings } from './bad-option.js';
export { type Cluster, registerCluster } from './cluster-registry.js';
export { eventChannel, publish } from './events.js';
export { openRequest, RequestReplication, readyToSeal, type Seal, sealResponse } from './lifecycle.js';
export type { OperationType } from './operation.js';
export { clusterNamePattern } from './pin.js';
export type { PinObserver } from './pin-observer.js';
export { type Decision, outsideDecision, type Reason, requiresPosition } from './policy.js';
export { type ReadOnlyAnswer, readOnlyAnswer } from './read-only-answer.js';
export type { RequestFacts } from './request-facts.js';
export { toRoleRule } from './role.js';
export { type RoleSwitch, toRoleSwitch } from './role-switch.js';
export { currentScope, runInScope, runWithSwitch, type Scope } from './scope.js';
export type { Session } from './session.js';
