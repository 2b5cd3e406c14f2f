import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const script = `
  const before = Reflect.ownKeys(Reflect).length;
  const { UsePrimary, onReplica } = await import('@node-replicated/decorators');
  const { currentReplication } = await import('@node-replicated/core');
  class Posts { list() { return currentReplication().role; } }
  UsePrimary(Posts);
  const roles = [new Posts().list(), onReplica(() => currentReplication().role)()];
  console.log(JSON.stringify({ roles, added: Reflect.ownKeys(Reflect).length - before }));
`;

test('an application without reflect-metadata can use the package, and its Reflect stays as it is', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
  });
  expect(JSON.parse(stdout)).toEqual({ roles: ['primary', 'replica'], added: 0 });
});
