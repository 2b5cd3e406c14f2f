/**
 * What the first word of a statement gives away without parsing it:
 * - `write`: it always writes, or takes a lock that would mean nothing on a replica;
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

/** White space, comments (nested ones only at their end), semicolons and brackets, and then the first word. */
const firstWord = /^(?:[\s;(]+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*([A-Za-z]+)/;
const advisoryLock = /\bpg_(?:try_)?advisory_/i;
const copiesOut = /\bto\s+(?:stdout|program|')/i;
const readOnly = /\bread\s+only\b/i;
const readWrite = /\bread\s+write\b/i;
const secondStatement = /;\s*\S/;

/** Reads what the text of a statement gives away. */
export function kindOf(text: string): StatementKind {
  const word = firstWord.exec(text)?.[1]?.toUpperCase() ?? '';
  if (word === 'COPY') return copiesOut.test(text) ? 'open' : 'write';
  const kind = kinds.get(word);
  if (kind !== undefined) return kind;
  return advisoryLock.test(text) ? 'write' : 'open';
}

/** Whether a text of kind `begin` opens a transaction that cannot write. */
export function beginsReadOnly(text: string): boolean {
  return readOnly.test(text) && !readWrite.test(text) && !isSeveral(text);
}

/** Whether a text holds more than one statement. It errs on the side of yes. */
export function isSeveral(text: string): boolean {
  return secondStatement.test(text);
}

/** Whether a text of kind `end` makes a transaction's work last. */
export function commits(text: string): boolean {
  return /^[\s;]*(?:commit|end)\b/i.test(text);
}

/** A statement for an error message: its beginning, without what may be data. */
export function outline(text: string): string {
  const bare = text
    .slice(0, 2_000)
    .replace(/\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/g, '?')
    .replace(/'(?:[^']|'')*(?:'|$)/g, '?')
    .replace(/\b\d+(?:\.\d+)?\b/g, (digits, at: number, whole: string) =>
      whole[at - 1] === '$' ? digits : '?',
    )
    .replace(/\s+/g, ' ')
    .trim();
  return bare.length > 80 ? `${bare.slice(0, 79)}…` : bare;
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
