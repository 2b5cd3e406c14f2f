import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, errorCodes, ReplicationError } from '../src/errors.js';

const codes = Object.keys(errorCodes) as ErrorCode[];
const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

/** The sections of the page by their headings. */
const sections: ReadonlyMap<string, string> = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1).join(), section]),
);

describe('an error of this library', () => {
  test('is an Error with a code, a message and a cause', () => {
    const cause = new Error('the cause');
    const error = new ReplicationError('ERR_OPTION', 'what happened', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'ReplicationError',
      code: 'ERR_OPTION',
      message: 'what happened',
      cause,
    });
  });

  test('says its name and message as text', () => {
    expect(String(new ReplicationError('ERR_ROLE', 'no role'))).toBe('ReplicationError: no role');
  });

  test.each(['ERR_NO_NODE', 'ERR_NO_PRIMARY', 'ERR_SPLIT_BRAIN', 'ERR_OVERLOADED'] as const)(
    '%s tells an HTTP client to try again',
    (code) => {
      const error = new ReplicationError(code, '');
      expect(error).toMatchObject({ statusCode: 503, headers: { 'Retry-After': '1' } });
    },
  );

  test.each(['ERR_OPTION', 'ERR_WRITE_IN_REPLICA_SCOPE', 'ERR_OUTCOME_UNKNOWN'] as const)(
    '%s leaves the status to the framework',
    (code) => {
      const error = new ReplicationError(code, '');
      expect('statusCode' in error || 'headers' in error).toBe(false);
    },
  );
});

describe('docs/errors.md', () => {
  test('has a section for each code, and none for what is no code', () => {
    expect([...sections.keys()].toSorted()).toEqual(codes.toSorted());
  });

  test.each(codes)('says of %s what happened, the typical cause and what to do', (code) => {
    for (const part of ['**What happened.** ', '**Typical cause.** ', '**What to do.** '])
      expect(sections.get(code)).toContain(part);
  });

  test.each(codes)('gives the HTTP status of %s where it has one', (code) => {
    const [, documented] = /\*\*HTTP status:\*\* (\d+)/.exec(sections.get(code) ?? '') ?? [];
    expect(documented === undefined ? undefined : Number(documented)).toBe(
      new ReplicationError(code, '').statusCode,
    );
  });
});

function sourcesIn(folder: URL): readonly URL[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => new URL(name, folder));
}

describe('the sources', () => {
  const packages = new URL('../../', import.meta.url);
  const sources = readdirSync(packages)
    .flatMap((name) => sourcesIn(new URL(`${name}/src/`, packages)))
    .filter((file) => !file.pathname.endsWith('/core/src/errors.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');

  test.each(codes)('throw %s somewhere', (code) => {
    expect(sources.includes(`'${code}'`)).toBe(true);
  });
});
