import { createHash } from 'node:crypto';

const plain = /^[A-Za-z0-9_.:@-]{1,100}$/;

/**
 * The key of a client's pin. What is long, or holds anything that could mean something else (braces choose the slot in
 * a Redis Cluster), is replaced by its digest, so that no client can choose more than its own key.
 */
export function pinKey(prefix: string, client: string): string {
  if (plain.test(client)) return prefix + client;
  return `${prefix}#${createHash('sha256').update(client, 'utf16le').digest('base64url')}`;
}
