import { type Durability, requireDurability } from './durability.js';
import { ReplicationError } from './errors.js';
import { type Role, type RoleRule, toRoleRule } from './role.js';

/** What `usePrimary()` or a decorator does to the scope: the rule of a call, and whether inner switches count. */
export interface RoleSwitch {
  /** What the user wrote, for messages: `@UsePrimary`, `useReplica()`. */
  readonly by: string;
  readonly rule: RoleRule;
  /** Inner switches are ignored. */
  readonly lock: boolean;
  /** What a commit waits for; undefined: what the scope around it says. */
  readonly durability: Durability | undefined;
}

const settings: Readonly<Record<Role, ReadonlySet<string>>> = {
  primary: new Set(['lock', 'durability']),
  replica: new Set(['lock', 'maxLagMs', 'consistency']),
};

/**
 * Checks the options of `usePrimary()`, of a decorator, or of whatever else switches the role of a call.
 *
 * @param options what the user wrote; undefined stands for none
 * @param by what messages call the thing
 * @throws ERR_OPTION for a setting that does not exist for this role, or a value it cannot have
 */
export function toRoleSwitch(role: Role, options: unknown, by: string): RoleSwitch {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw new ReplicationError('ERR_OPTION', `${by}: the options must be an object.`);
  }
  const { lock = false, durability, ...conditions }: Record<string, unknown> = { ...options };
  const stranger = Object.keys({ ...options }).find((key) => !settings[role].has(key));
  if (stranger !== undefined) {
    throw new ReplicationError('ERR_OPTION', `${by}: there is no setting '${stranger}'.`);
  }
  if (typeof lock !== 'boolean') {
    throw new ReplicationError('ERR_OPTION', `${by}: lock must be true or false.`);
  }
  return Object.freeze({
    by,
    rule: toRoleRule({ ...conditions, role }, by),
    lock,
    durability: requireDurability(durability, by),
  });
}
