import { forcedRule } from '@node-replicated/decorators';
import { describe, expect, test } from 'vitest';
import { place } from './fixtures/both/place.js';
import { inRequest } from './in-request.js';

/** What a decorated class promises. */
export function classContract(fixtures: typeof import('./fixtures/both/classes.js')): void {
  const { AdminPostsController, BaseController, LockedController, PlainPostsController, PostsController } =
    fixtures;

  describe('a decorated class', () => {
    const posts = new PostsController();

    test('switches the role in its methods', async () => {
      expect(posts.find()).toBe('replica, forced');
      expect(await posts.findLater()).toBe('replica, forced');
      expect(`${posts}`).toBe('replica, forced');
    });

    test('switches the role in its static methods', () => {
      expect(PostsController.count()).toBe('replica, forced');
    });

    test('leaves a method with a decorator of its own to that one', () => {
      expect(posts.publish()).toBe('primary, forced');
      expect(PostsController.reset()).toBe('primary, forced');
      expect(posts.callsInside()).toBe('primary, forced');
    });

    test('leaves a method with a decorator of its own to that one even when the class is locked', () => {
      const locked = new LockedController();
      expect(locked.list()).toBe('replica, forced');
      expect(locked.run(() => posts.find())).toBe('primary, forced');
    });

    test('switches the role in methods that it inherits', () => {
      expect(posts.list()).toBe('replica, forced');
      expect(PostsController.describe()).toBe('replica, forced');
    });

    test('leaves an inherited method with a decorator of its own to that one', () => {
      expect(posts.create()).toBe('primary, forced');
    });

    test('leaves the base class as it is', () => {
      const base = new BaseController();
      expect(base.list()).toBe('primary, outside');
      expect(BaseController.describe()).toBe('primary, outside');
      expect(inRequest('POST', () => base.list())).toBe('primary, method');
    });

    test('hands its role down to a class without a decorator', () => {
      const plain = new PlainPostsController();
      expect(plain.find()).toBe('replica, forced');
      expect(plain.list()).toBe('replica, forced');
    });

    test('beats the decorator of the class that it inherits from', () => {
      const admin = new AdminPostsController();
      expect(admin.find()).toBe('primary, forced');
      expect(admin.list()).toBe('primary, forced');
      expect(AdminPostsController.count()).toBe('primary, forced');
      expect(admin.report()).toBe('replica, forced');
      expect(posts.find()).toBe('replica, forced');
    });

    test('leaves accessors, fields and the constructor alone', () => {
      fixtures.madeIn.length = 0;
      const made = inRequest('POST', () => new PostsController());
      expect(fixtures.madeIn).toEqual(['primary, method']);
      expect(made.latest).toBe('primary, outside');
      expect(made.shadowed).toBe('primary, outside');
      expect(made.arrow()).toBe('primary, outside');
      expect(PostsController.place()).toBe('primary, outside');
      expect(new PostsController.Row()).toBeInstanceOf(PostsController.Row);
    });

    test('does not bring back a method that it replaces by an accessor', () => {
      expect(new fixtures.HasGetter().title).toBe('getter');
    });

    test('stays the same class, with the same constructor', () => {
      expect(PostsController.name).toBe('PostsController');
      expect(posts.constructor).toBe(PostsController);
      expect(posts).toBeInstanceOf(PostsController);
      expect(posts).toBeInstanceOf(BaseController);
      expect(Object.keys(PostsController.prototype)).toEqual([]);
    });

    test('may have a private constructor', () => {
      expect(fixtures.Singleton.only.where()).toBe('replica, forced');
    });

    test('leaves the methods of a built-in class alone', () => {
      const jobs = new fixtures.Jobs();
      expect(jobs.start()).toBe('primary, forced');
      expect(new fixtures.Cache().where()).toBe('replica, forced');
      expect(Object.hasOwn(fixtures.Jobs.prototype, 'emit')).toBe(false);
      expect(Reflect.ownKeys(fixtures.Cache.prototype)).toEqual(['constructor', 'where']);
      const seen: string[] = [];
      jobs.on('done', () => seen.push(place()));
      jobs.emit('done');
      expect(seen).toEqual(['primary, outside']);
    });

    test('tells what its methods force, by the decorator that counts', () => {
      const roleOf = (method: object): string | undefined => forcedRule(method)?.role;
      expect(roleOf(posts.find)).toBe('replica');
      expect(roleOf(posts.publish)).toBe('primary');
      expect(roleOf(posts.list)).toBe('replica');
      expect(roleOf(AdminPostsController.prototype.find)).toBe('primary');
      expect(roleOf(AdminPostsController.prototype.report)).toBe('replica');
      expect(roleOf(BaseController.prototype.list)).toBeUndefined();
    });

    test("restores the caller's state between its methods", () => {
      inRequest('POST', () => {
        expect(posts.find()).toBe('replica, forced');
        expect(place()).toBe('primary, method');
      });
    });
  });
}
