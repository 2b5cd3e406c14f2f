import 'reflect-metadata';
import { describe, expect, test } from 'vitest';
import { compileFixtures } from './compile-fixtures.js';
import { decoratorContract } from './decorator-contract.js';

const load = await compileFixtures('legacy');
const nest = (await load('legacy/nest-like.js')) as typeof import('./fixtures/legacy/nest-like.js');
await decoratorContract('legacy', load);

describe('experimentalDecorators with reflect-metadata', () => {
  const { AdminController, LateController, PostsController, Store } = nest;
  const posts = new PostsController(new Store());
  const admin = new AdminController(new Store());

  /** Looks a route up as NestJS does: on the function that stands on the prototype. */
  const metadata = (key: string, handler: object): unknown => Reflect.getMetadata(key, handler);

  test('keep the metadata of a decorator that stands above', () => {
    expect(metadata('path', PostsController.prototype.ours)).toBe('/below');
    expect(posts.ours()).toBe('primary, forced');
  });

  test('keep the metadata of a decorator that stands below', () => {
    expect(metadata('path', PostsController.prototype.theirs)).toBe('/above');
    expect(posts.theirs()).toBe('primary, forced');
  });

  test('keep a list that decorators above and below make longer', () => {
    expect(metadata('guards', PostsController.prototype.between)).toEqual(['inner', 'outer']);
    expect(metadata('path', PostsController.prototype.between)).toBe('/between');
    expect(posts.between()).toBe('replica, forced');
  });

  test('leave the metadata of parameters as it is', () => {
    for (const key of ['design:paramtypes', 'design:type', 'design:returntype']) {
      const ofPlain: unknown = Reflect.getMetadata(key, PostsController.prototype, 'plain');
      expect(ofPlain).toBeDefined();
      expect(Reflect.getMetadata(key, PostsController.prototype, 'one')).toEqual(ofPlain);
    }
    expect(Reflect.getMetadata('params', PostsController, 'one')).toEqual({ 0: 'id', 1: 'page' });
    expect(posts.one('a', 1)).toBe('a 1 primary, forced');
  });

  test('leave the class as it is for dependency injection', () => {
    expect(Reflect.getMetadata('design:paramtypes', PostsController)).toEqual([Store]);
    expect(Reflect.getMetadata('design:paramtypes', AdminController)).toEqual([Store]);
    expect(metadata('controller', AdminController)).toBe('admin');
    expect(metadata('controller', LateController)).toBe('late');
    expect(admin.constructor).toBe(AdminController);
  });

  test('on a class, keep the metadata of its methods and of those it inherits', () => {
    expect(metadata('path', AdminController.prototype.own)).toBe('/own');
    expect(admin.own('a')).toBe('a primary, forced');
    expect(metadata('path', AdminController.prototype.plain)).toBe('/:id');
    expect(Reflect.getMetadata('params', AdminController, 'plain')).toEqual({ 0: 'id', 1: 'page' });
    expect(Reflect.getMetadata('design:paramtypes', AdminController.prototype, 'plain')).toEqual([
      String,
      Number,
    ]);
    expect(admin.plain('a', 1)).toBe('a 1 primary, forced');
    expect(new LateController(new Store()).plain('a', 1)).toBe('a 1 replica, forced');
    expect(posts.plain('a', 1)).toBe('a 1 primary, outside');
  });

  test('work with a decorator that replaces the method, above and below', () => {
    expect(posts.wrappedAbove()).toBe('PRIMARY, FORCED');
    expect(posts.wrappedBelow()).toBe('PRIMARY, FORCED');
  });

  test('on a field, say that a wrapper does it', () => {
    expect(nest.functionField).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
    expect(nest.functionField).toThrow(/the field Posts\.handler: .*onPrimary\(\)/);
    expect(nest.staticField).toThrow(/the field Posts\.limit: .*onReplica\(\)/);
  });

  test('on a parameter, say what to decorate instead', () => {
    expect(nest.methodParameter).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
    expect(nest.methodParameter).toThrow(/a parameter of Posts\.list: decorate the method/);
    expect(nest.constructorParameter).toThrow(/a parameter of a constructor/);
  });
});
