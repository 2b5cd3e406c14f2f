import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { ReplicationError } from './errors.js';

/** Signs short texts, and says whether one was signed here. */
export interface Signer {
  /** The signature of a text: 43 characters of base64url. */
  sign(text: string): string;
  /** Whether any of the secrets has made this signature. Takes the same time for every wrong one. */
  verify(text: string, signature: string): boolean;
}

const minimumSecretBytes = 32;

/** Keeps these signatures apart from any other that an application makes with the same secret. */
const purpose = 'node-replicated pin\0';

/**
 * Makes an HMAC-SHA-256 signer.
 *
 * @param secrets at least one, of at least 32 bytes each: the first signs, any verifies, so that a new secret
 *   can be put in front of an old one while old signatures are still about
 * @param source where the secrets come from, for messages
 * @throws ERR_SECRET when there is none, or one is too short
 */
export function createSigner(secrets: readonly string[], source = 'the list of secrets'): Signer {
  const keys = secrets.map((secret) => toKey(secret, source));
  const [first] = keys;
  if (first === undefined) throw new ReplicationError('ERR_SECRET', 'There is no secret to sign pins with.');
  return Object.freeze({
    sign: (text: string): string => signatureOf(first, text),
    verify(text: string, signature: string): boolean {
      const given = Buffer.from(signature);
      let valid = false;
      for (const key of keys) {
        const wanted = Buffer.from(signatureOf(key, text));
        if (given.length === wanted.length && timingSafeEqual(given, wanted)) valid = true;
      }
      return valid;
    },
  });
}

function toKey(secret: string, source: string): KeyObject {
  const bytes = Buffer.from(secret, 'utf8');
  if (bytes.length < minimumSecretBytes) {
    throw new ReplicationError(
      'ERR_SECRET',
      `A secret in ${source} has ${bytes.length} bytes and needs at least ${minimumSecretBytes}. ` +
        `Make one with: node -p "crypto.randomBytes(32).toString('base64url')"`,
    );
  }
  return createSecretKey(bytes);
}

function signatureOf(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(purpose).update(text).digest('base64url');
}
