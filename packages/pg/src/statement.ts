import { bareText, firstWord, isSeveral } from './sql-text.js';

/**
 * What a statement gives away without being parsed:
 * - `write`: it always writes, or does what must not be done on a replica;
 * - `session`: it changes the session it runs in;
 * - `begin`: it opens a transaction;
 * - `end`: it ends one;
 * - `open`: anything else. The database will tell.
 */
export type StatementKind = 'write' | 'session' | 'begin' | 'end' | 'open';

const kinds: ReadonlyMap<string, StatementKind> = new Map([
  ...words(
    'write',
    'INSERT UPDATE DELETE MERGE TRUNCATE CREATE ALTER DROP COMMENT GRANT REVOKE REASSIGN SECURITY',
  ),
  ...words('write', 'IMPORT REFRESH VACUUM ANALYZE REINDEX CLUSTER NOTIFY LOCK'),
  ...words('session', 'SET RESET DISCARD LISTEN UNLISTEN PREPARE EXECUTE DEALLOCATE LOAD DECLARE'),
  ...words('begin', 'BEGIN START'),
  ...words('end', 'COMMIT END ROLLBACK ABORT'),
]);

function words(kind: StatementKind, list: string): [string, StatementKind][] {
  return list.split(' ').map((word) => [word, kind]);
}

/** Advisory locks are local to the server; and who makes a reader writable must not get one. */
const notForReaders =
  /\bpg_(?:try_)?advisory_|\bset(?:_config)?\b[^;]*transaction_read_only|\bsession\s+characteristics\b/i;
const setsSession = /\bset_config\s*\(/i;
const copiesOut = /\bto\s+(?:stdout|program|')/i;
const readOnly = /\bread\s+only\b/i;
const readWrite = /\bread\s+write\b/i;

/** Reads what the text of a statement gives away. */
export function kindOf(text: string): StatementKind {
  if (notForReaders.test(text)) return 'write';
  const word = firstWord(text);
  if (word === 'COPY') return copiesOut.test(text) ? 'open' : 'write';
  return kinds.get(word) ?? (setsSession.test(text) ? 'session' : 'open');
}

/** Whether a text of kind `begin` opens a transaction that cannot write. */
export function beginsReadOnly(text: string): boolean {
  const bare = bareText(text);
  return readOnly.test(bare) && !readWrite.test(bare) && !isSeveral(text);
}

/** Whether a text of kind `end` makes a transaction's work last. */
export function commits(text: string): boolean {
  const word = firstWord(text);
  return word === 'COMMIT' || word === 'END';
}

/** Whether a text may commit a part of its work before it fails. */
export function mayCommitPart(text: string): boolean {
  return isSeveral(text) || firstWord(text) === 'CALL' || firstWord(text) === 'DO';
}

const mostTexts = 512;
const longestText = 8_192;

/**
 * Remembers what kind of statement each text is, and learns from the database which ones write. It is bounded:
 * two generations of texts, of which the older is dropped when the younger is full, so that texts in use stay.
 */
export class StatementMemory {
  #young = new Map<string, StatementKind>();
  #old = new Map<string, StatementKind>();

  kindOf(text: string): StatementKind {
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    const kind = this.#old.get(text) ?? kindOf(text);
    this.#remember(text, kind);
    return kind;
  }

  /** The database has said that this text writes. */
  learnWrite(text: string): void {
    this.#remember(text, 'write');
  }

  #remember(text: string, kind: StatementKind): void {
    if (text.length > longestText) return;
    if (this.#young.size >= mostTexts) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, kind);
  }
}
