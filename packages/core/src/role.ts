import { ReplicationError } from './errors.js';

/** Where a request's statements go. */
export type Role = 'primary' | 'replica';

/** A role as users may write it. What the library says is always a {@link Role}. */
export type RoleName = Role | 'master' | 'slave';

/**
 * What a read must see:
 * - `session`: at least everything that its own client has written;
 * - `eventual`: whatever the replica has;
 * - `strong`: everything that anybody has written, so it runs on the primary.
 */
export type Consistency = 'eventual' | 'session' | 'strong';

/** A role with its conditions, as decorators, overrides and route settings state it. */
export interface RoleRule {
  readonly role: Role;
  /** The longest lag, in ms, of a replica that may serve. @default the pool's `maxLagMs` */
  readonly maxLagMs?: number;
  /** @default 'session' */
  readonly consistency?: Consistency;
}

/** A {@link RoleRule} as users may write it: a bare role name, or an object. */
export type RoleRuleInput = RoleName | (Omit<RoleRule, 'role'> & { readonly role: RoleName });

const roles = new Map<unknown, Role>([
  ['primary', 'primary'],
  ['master', 'primary'],
  ['replica', 'replica'],
  ['slave', 'replica'],
]);

const consistencies: ReadonlySet<unknown> = new Set<Consistency>(['eventual', 'session', 'strong']);
const conditionKeys: ReadonlySet<string> = new Set(['maxLagMs', 'consistency']);

/** The role that a word stands for, or undefined when it is none. */
export function toRole(word: unknown): Role | undefined {
  return roles.get(word);
}

/**
 * Checks and freezes a rule.
 *
 * @param input what the user wrote
 * @param where names the place in error messages, such as `overrides['/reports/*']`
 * @throws ERR_ROLE when the role is unknown, ERR_OPTION when a condition is
 */
export function toRoleRule(input: unknown, where: string): RoleRule {
  const given = typeof input === 'object' && input !== null ? input : { role: input };
  const { role: word, ...conditions }: Record<string, unknown> = { ...given };
  const role = toRole(word);
  if (role === undefined) {
    throw new ReplicationError(
      'ERR_ROLE',
      `${where}: the role must be 'primary', 'replica', 'master' or 'slave', not ${inWords(word)}.`,
    );
  }
  return Object.freeze({ role, ...toConditions(conditions, where) });
}

/**
 * Checks the conditions of a rule.
 *
 * @throws ERR_OPTION for a condition that does not exist, or a value it cannot have
 */
function toConditions(given: Readonly<Record<string, unknown>>, where: string): Omit<RoleRule, 'role'> {
  const { maxLagMs, consistency } = given;
  const stranger = Object.keys(given).find((key) => !conditionKeys.has(key));
  if (stranger !== undefined) {
    throw new ReplicationError('ERR_OPTION', `${where}: there is no setting '${stranger}'.`);
  }
  if (maxLagMs !== undefined && !(typeof maxLagMs === 'number' && maxLagMs >= 0)) {
    throw new ReplicationError('ERR_OPTION', `${where}: maxLagMs must be a number of ms, zero or more.`);
  }
  if (consistency !== undefined && !consistencies.has(consistency)) {
    throw new ReplicationError(
      'ERR_OPTION',
      `${where}: consistency must be 'eventual', 'session' or 'strong', not ${inWords(consistency)}.`,
    );
  }
  return {
    ...(maxLagMs !== undefined && { maxLagMs }),
    ...(consistency !== undefined && { consistency: consistency as Consistency }),
  };
}

function inWords(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : `a value of type ${typeof value}`;
}
