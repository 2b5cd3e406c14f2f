import { describe, expect, test } from 'vitest';
import { compileFixtures } from './compile-fixtures.js';
import { decoratorContract } from './decorator-contract.js';

const load = await compileFixtures('tc39');
const members = (await load('tc39/members.js')) as typeof import('./fixtures/tc39/members.js');
await decoratorContract('tc39', load);

describe('standard decorators', () => {
  const posts = new members.Posts();

  test('work on fields that hold functions', async () => {
    expect(await posts.handler()).toBe('posts: primary, forced');
    expect(posts.plain(1)).toBe('replica, forced');
    expect([...posts.rows()]).toEqual(['replica, forced']);
    expect(members.Posts.health()).toBe('primary, forced');
  });

  test('keep the name and length of a function in a field, and one function for each instance', () => {
    expect(posts.handler.name).toBe('handler');
    expect([posts.plain.name, posts.plain.length]).toEqual(['plainName', 1]);
    expect(new members.Posts().handler).not.toBe(posts.handler);
  });

  test('work on private methods, static and not, and on private fields', async () => {
    expect(await posts.all()).toEqual([
      'posts: primary, forced',
      'replica, forced',
      'primary, forced',
      'replica, forced',
      'primary, forced',
      'primary, outside',
    ]);
  });

  test('keep what other decorators set on the method, from above and from below', () => {
    expect(new members.Noted().list()).toBe('primary, forced');
    expect(Object.keys(members.Noted.prototype.list).sort()).toEqual(['above', 'below']);
  });

  test('work with a decorator that replaces the method, above and below', () => {
    expect(new members.Noted().wrappedAbove()).toBe('PRIMARY, FORCED');
    expect(new members.Noted().wrappedBelow()).toBe('PRIMARY, FORCED');
  });

  test('leave the class to other class decorators as it is', () => {
    expect(members.initialised).toEqual([members.Remembered, members.Remembered]);
    expect(new members.Remembered().list()).toBe('primary, forced');
  });

  test('on a field without a function, fail when an instance is made, naming class and field', () => {
    expect(members.nullField).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
    expect(members.nullField).toThrow(/the field Posts\.handler/);
    expect(members.staticValue).toThrow(/@UseReplica cannot decorate the field Posts\.limit/);
  });

  test('on an accessor that holds a function, fail too', () => {
    expect(members.functionAccessor).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
    expect(members.functionAccessor).toThrow(/the accessor 'handler'/);
  });
});
