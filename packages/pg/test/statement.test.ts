import { describe, expect, it } from 'vitest';
import { isSeveral, outline } from '../src/sql-text.js';
import { beginsReadOnly, commits, kindOf, type StatementKind, StatementMemory } from '../src/statement.js';

const keywords: Readonly<Record<StatementKind, string>> = {
  write: `INSERT UPDATE DELETE MERGE TRUNCATE CREATE ALTER DROP COMMENT GRANT REVOKE REASSIGN SECURITY
          IMPORT REFRESH VACUUM ANALYZE REINDEX CLUSTER NOTIFY LOCK`,
  session: 'SET RESET DISCARD LISTEN UNLISTEN PREPARE EXECUTE DEALLOCATE LOAD DECLARE',
  begin: 'BEGIN START',
  end: 'COMMIT END ROLLBACK ABORT',
  open: `SELECT WITH VALUES TABLE SHOW EXPLAIN FETCH MOVE CLOSE CALL DO SAVEPOINT RELEASE`,
};
const cases = Object.entries(keywords).flatMap(([kind, words]) =>
  words.split(/\s+/).map((word) => [word, kind] as const),
);

describe('kindOf', () => {
  it.each(cases)('%s is %s, however it is written', (word, kind) => {
    for (const text of [
      `${word} x`,
      word,
      `${word};`,
      `  \n\t${word.toLowerCase()} x`,
      `-- INSERT\n${word} x`,
      `--\n--\n ${word} x`,
      `/* DELETE */${word} x`,
      `/**/ /* a\nb */ -- c\n ${word} x`,
      `/* DROP TABLE */ ((${word} x))`,
      `;; ${word} x`,
      `${word}/* comment */ x`,
      `${word}\n x`,
      `${word}(x)`,
    ]) {
      expect([text, kindOf(text)]).toEqual([text, kind]);
    }
  });

  it.each(['', ' ', ';', '-- INSERT', '/* INSERT */', '/* INSERT', '1', "'INSERT'", '"INSERT"', '$1', '((('])(
    'a text without a first word is open: %j',
    (text) => {
      expect(kindOf(text)).toBe('open');
    },
  );

  it('a word that only begins like one is not one', () => {
    expect(kindOf('INSERTED')).toBe('open');
    expect(kindOf('SETTINGS')).toBe('open');
  });

  it('a nested comment never makes a write look like a read', () => {
    expect(kindOf('/* a /* b */ c */ INSERT INTO t VALUES (1)')).not.toBe('session');
    expect(kindOf('/* a /* b */ */ SELECT 1')).toBe('open');
  });

  it.each([
    ['COPY t FROM STDIN', 'write'],
    ['copy t (a, b) from stdin', 'write'],
    ["COPY t FROM '/tmp/x'", 'write'],
    ["COPY t FROM PROGRAM 'cat x'", 'write'],
    ['COPY t TO STDOUT', 'open'],
    ['copy t to stdout with csv', 'open'],
    ['COPY (SELECT 1) TO STDOUT', 'open'],
    ['COPY (SELECT a FROM t) TO STDOUT', 'open'],
    ["COPY t TO PROGRAM 'cat'", 'open'],
    ["COPY t TO '/tmp/x'", 'open'],
    ['/* x */ COPY t FROM STDIN', 'write'],
  ] as const)('%s is %s', (text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });

  it.each([
    'pg_advisory_lock(1)',
    'pg_advisory_lock_shared(1)',
    'pg_advisory_xact_lock(1)',
    'pg_advisory_xact_lock_shared(1, 2)',
    'pg_advisory_unlock(1)',
    'pg_advisory_unlock_all()',
    'pg_try_advisory_lock(1)',
    'pg_try_advisory_lock_shared(1)',
    'pg_try_advisory_xact_lock(1)',
    'pg_try_advisory_xact_lock_shared(1)',
    'pg_catalog.pg_advisory_lock(1)',
    'PG_ADVISORY_LOCK(1)',
  ])('SELECT %s is a write', (call) => {
    expect(kindOf(`SELECT ${call}`)).toBe('write');
    expect(kindOf(`WITH l AS (SELECT ${call}) SELECT 1 FROM l`)).toBe('write');
  });

  // Not more of each: where the time doubles with every one, this is slow enough to see and fast enough to end.
  it.each([
    [' ', 25],
    ['(', 25],
    ['( ;', 8],
    ['/**/', 25],
    ['-- x\n', 25],
    ['/* */ ', 25],
  ])('takes no time over a text that is nothing but %j, %i times', (part, times) => {
    const text = `${part.repeat(times)}1`;
    const began = performance.now();
    expect(kindOf(text)).toBe('open');
    expect(performance.now() - began).toBeLessThan(100);
  });
});

describe('beginsReadOnly', () => {
  it.each([
    'BEGIN READ ONLY',
    'begin transaction read  only',
    'BEGIN WORK READ ONLY',
    'START TRANSACTION READ ONLY',
    'START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
    'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE',
    'BEGIN READ\nONLY;',
  ])('%j does', (text) => {
    expect(kindOf(text)).toBe('begin');
    expect(beginsReadOnly(text)).toBe(true);
  });

  it.each([
    'BEGIN',
    'BEGIN;',
    'BEGIN READ WRITE',
    'START TRANSACTION',
    'BEGIN ISOLATION LEVEL REPEATABLE READ',
    'BEGIN READ ONLY; SET TRANSACTION READ WRITE',
    'BEGIN READ ONLY; SELECT 1',
    'BEGIN READ ONLY, READ WRITE',
    'BEGIN /* not READ ONLY */',
    'BEGIN -- not READ ONLY',
  ])('%j does not', (text) => {
    expect(beginsReadOnly(text)).toBe(false);
  });
});

describe('isSeveral', () => {
  it.each([
    ['SELECT 1', false],
    ['SELECT 1;', false],
    ['SELECT 1; \n', false],
    ['SELECT 1; SELECT 2', true],
    ['SELECT 1;SELECT 2;', true],
  ])('%j: %s', (text, several) => {
    expect(isSeveral(text)).toBe(several);
  });
});

describe('commits', () => {
  it.each([
    'COMMIT',
    'commit;',
    ' COMMIT AND CHAIN',
    'END',
    'end transaction',
    '/* request 5 */ COMMIT',
    '-- bye\nCOMMIT',
  ])('%j does', (text) => {
    expect(commits(text)).toBe(true);
  });

  it.each(['ROLLBACK', 'ABORT', 'rollback to a', 'ROLLBACK /* COMMIT */'])('%j does not', (text) => {
    expect(commits(text)).toBe(false);
  });
});

describe('outline', () => {
  it.each([
    ["INSERT INTO t VALUES ('secret')", 'INSERT INTO t VALUES (?)'],
    ["SELECT 'it''s secret', 5, 5.25, -7", 'SELECT ?, ?, ?, -?'],
    ['SELECT $$secret$$, $tag$ secret $$ $tag$', 'SELECT ?, ?'],
    ['UPDATE t SET a = $1 WHERE id = $2', 'UPDATE t SET a = $1 WHERE id = $2'],
    ['  SELECT\n\t 1', 'SELECT ?'],
    ['SELECT t1.a2 FROM t1', 'SELECT t1.a2 FROM t1'],
  ])('%j reads %j', (text, shown) => {
    expect(outline(text)).toBe(shown);
  });

  it.each([
    ['a plain literal', "SELECT 'hunter2'"],
    ['a literal that is not closed', "SELECT 'hunter2"],
    ['a literal with an escaped quote', "SELECT E'it\\'s hunter2', 1"],
    ['a literal after an escaped quote', "SELECT E'\\'', 'hunter2'"],
    ['a dollar-quoted literal', 'SELECT $a$hunter2$a$'],
    ['a dollar-quoted literal that is not closed', 'SELECT $a$hunter2'],
    ['a literal after a comment with an apostrophe', "-- don't\nSELECT 'hunter2'"],
    ['a literal after a block comment with an apostrophe', "/* don't */ SELECT 'hunter2'"],
    ['a literal after a name with an apostrophe', `SELECT "it's" FROM t WHERE a = 'hunter2'`],
    ['a comment', "SELECT 1 /* for hunter2 */ -- 'hunter2'"],
    ['a literal at the cut', `SELECT '${'x'.repeat(1_985)} hunter2`],
  ])('shows no data: %s', (_, text) => {
    expect(outline(text)).not.toContain('hunter2');
  });

  it.each(['4711', '4711.5', '4711e3', '1e4711', '0x4711', '4_711', '.4711'])(
    'shows no number: %s',
    (number) => {
      expect(outline(`SELECT ${number}`)).not.toMatch(/4_?711/);
    },
  );

  it('is short', () => {
    expect(outline(`SELECT ${'column, '.repeat(100)}`).length).toBeLessThanOrEqual(80);
  });
});

describe('StatementMemory', () => {
  it('knows what kindOf knows', () => {
    const memory = new StatementMemory();
    for (let i = 0; i < 2; i++) {
      expect(memory.kindOf('SELECT 1')).toBe('open');
      expect(memory.kindOf('INSERT INTO t VALUES (1)')).toBe('write');
    }
  });

  it('learns which texts write', () => {
    const memory = new StatementMemory();
    memory.learnWrite('SELECT f()');
    expect(memory.kindOf('SELECT f()')).toBe('write');
    expect(memory.kindOf('SELECT g()')).toBe('open');
  });

  it('keeps what is in use, however many others come', () => {
    const memory = new StatementMemory();
    memory.learnWrite('SELECT f()');
    for (let i = 0; i < 10_000; i++) {
      memory.kindOf(`SELECT ${i}`);
      if (i % 100 === 0) expect(memory.kindOf('SELECT f()')).toBe('write');
    }
  });

  it('forgets what is not in use', () => {
    const memory = new StatementMemory();
    memory.learnWrite('SELECT f()');
    for (let i = 0; i < 2_000; i++) memory.kindOf(`SELECT ${i}`);
    expect(memory.kindOf('SELECT f()')).toBe('open');
  });

  it('does not keep texts that are very long', () => {
    const memory = new StatementMemory();
    const long = `SELECT f() /* ${'x'.repeat(10_000)} */`;
    memory.learnWrite(long);
    expect(memory.kindOf(long)).toBe('open');
  });
});
