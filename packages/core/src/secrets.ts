import { randomBytes } from 'node:crypto';
import { badOption } from './bad-option.js';
import { ReplicationError } from './errors.js';
import { createSigner, type Signer } from './signer.js';

const variable = 'REPLICATION_SECRET';

/**
 * The signer of a configuration: of its option, or of the environment variable `REPLICATION_SECRET`, or, in
 * development, of a random secret.
 *
 * @param needed whether anything will be signed
 * @throws ERR_SECRET when there is none in production, or one is too short; ERR_OPTION when it is no string
 */
export function resolveSigner(given: unknown, production: boolean, needed: boolean): Signer {
  if (given !== undefined) return createSigner(toList(given), 'the option secret');
  const fromEnvironment = process.env[variable];
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return createSigner(
      fromEnvironment.split(',').map((secret) => secret.trim()),
      variable,
    );
  }
  if (needed && production) {
    throw new ReplicationError(
      'ERR_SECRET',
      `There is no secret to sign pins with: set the option secret or the environment variable ${variable}.`,
    );
  }
  if (needed) warnOnce();
  return createSigner([randomBytes(32).toString('base64url')], 'this process');
}

function toList(given: unknown): readonly string[] {
  const list = typeof given === 'string' ? [given] : given;
  if (Array.isArray(list) && list.every((secret): secret is string => typeof secret === 'string'))
    return list;
  throw badOption('secret', 'must be a string, or a list of strings');
}

let warned = false;

function warnOnce(): void {
  if (warned) return;
  warned = true;
  process.emitWarning(
    'Pins are signed with a random secret, which no other process knows and a restart forgets. ' +
      `Set ${variable} before this runs in production.`,
    { type: 'ReplicationWarning', code: 'REPLICATION_RANDOM_SECRET' },
  );
}
