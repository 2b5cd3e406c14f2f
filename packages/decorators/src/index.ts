export {
  type PrimaryDecorator,
  type ReplicaDecorator,
  UseMaster,
  UsePrimary,
  UseReplica,
  UseSlave,
} from './decorators.js';
export type { AnyFunction } from './function-identity.js';
export { onMaster, onPrimary, onReplica, onSlave } from './handlers.js';
export type { RoleDecorator } from './role-decorator.js';
export { view } from './view.js';
export { forcedRule } from './wrap-function.js';
