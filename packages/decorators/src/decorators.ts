import type { UsePrimaryOptions, UseReplicaOptions } from '@node-replicated/core';
import { type RoleDecorator, roleDecorator } from './role-decorator.js';

/** `@UsePrimary`, `@UsePrimary()` and `@UsePrimary({ lock: true })`. */
export type PrimaryDecorator = RoleDecorator & ((options?: UsePrimaryOptions) => RoleDecorator);

/** `@UseReplica`, `@UseReplica()` and `@UseReplica({ maxLagMs: 500 })`. */
export type ReplicaDecorator = RoleDecorator & ((options?: UseReplicaOptions) => RoleDecorator);

/**
 * Sends the statements of a method, or of all methods of a class, to the primary. The caller's own role comes
 * back with the return, the throw or the settled promise. A method's decorator beats that of its class.
 *
 * @throws ERR_DECORATOR on anything that is neither a method, nor a field that holds a function, nor a class;
 *   ERR_OPTION for a setting that does not exist
 */
export const UsePrimary: PrimaryDecorator = roleDecorator('primary', '@UsePrimary') as PrimaryDecorator;

/**
 * Sends the statements of a method, or of all methods of a class, to a replica. Statements that turn out to write
 * still run on the primary. A method's decorator beats that of its class.
 *
 * @throws ERR_DECORATOR on anything that is neither a method, nor a field that holds a function, nor a class;
 *   ERR_OPTION for a setting that does not exist, or a value it cannot have
 */
export const UseReplica: ReplicaDecorator = roleDecorator('replica', '@UseReplica') as ReplicaDecorator;

/**
 * The same as {@link UsePrimary}.
 * @alias
 */
export const UseMaster: PrimaryDecorator = UsePrimary;

/**
 * The same as {@link UseReplica}.
 * @alias
 */
export const UseSlave: ReplicaDecorator = UseReplica;
