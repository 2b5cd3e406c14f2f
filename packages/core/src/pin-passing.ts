import { defineReplication, type ReplicationConfig, type ReplicationOptions } from './options.js';
import { readToken } from './pin-carriers.js';
import { encodePin } from './pin-token.js';
import { currentScope, runToStart, Scope } from './scope.js';
import { Session } from './session.js';

/**
 * The pin of the client that is being served, with all that was written for it so far, as a signed token: for a job
 * that this request leaves behind, or a service that it calls. It waits for the positions of what was written.
 *
 * @returns undefined when there is nothing to pin, as outside any scope
 * @throws ERR_OPTION or ERR_SECRET where no settings are at hand, and those of the environment cannot be used
 */
export async function exportPin(): Promise<string | undefined> {
  const session = currentScope()?.session;
  if (session === undefined) return undefined;
  await session.loadPin();
  await session.takePositions();
  const pin = session.exportedPin;
  if (pin === undefined) return undefined;
  const { pin: times, signer } = session.config ?? environmentConfig();
  return times === false ? undefined : encodePin(pin, signer);
}

/** What {@link runWithPin} takes. */
export interface RunWithPinOptions {
  /** The settings that the token was made with. @default those of the scope around it, or of the environment */
  readonly config?: ReplicationConfig | ReplicationOptions;
}

/**
 * Runs a job, or serves a call, for the client whose token this is, in a session of its own: its reads go to replicas
 * that have what the client has written, or to the primary. What it writes goes to the primary, and its later reads
 * with that; {@link exportPin} inside gives a token that covers both.
 *
 * @param token what {@link exportPin} or the `Replication-Token` header gave; undefined: a client that has not
 *   written. A token that cannot be believed is ignored, counted, and reported as the event `pin-ignored`
 * @throws ERR_OPTION or ERR_SECRET where the settings cannot be used
 */
export function runWithPin<T>(token: string | undefined, fn: () => T): T;
export function runWithPin<T>(token: string | undefined, options: RunWithPinOptions, fn: () => T): T;
export function runWithPin<T>(
  token: string | undefined,
  ...given: [() => T] | [RunWithPinOptions, () => T]
): T {
  const [options, fn] = given.length === 1 ? [{}, given[0]] : given;
  const config = configOf(options);
  // A row of a queue says null where it holds no token.
  const pin = (token ?? undefined) === undefined ? undefined : readToken(token, config, config.now());
  return runToStart(new Scope(new Session({ config, job, pin })), fn);
}

const job = Object.freeze({ role: 'replica' });

function configOf({ config }: RunWithPinOptions): ReplicationConfig {
  if (config !== undefined) return defineReplication(config);
  return currentScope()?.session.config ?? environmentConfig();
}

let fromEnvironment: ReplicationConfig | undefined;

function environmentConfig(): ReplicationConfig {
  fromEnvironment ??= defineReplication();
  return fromEnvironment;
}
