import 'reflect-metadata';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { currentScope } from '@node-replicated/core/adapter';
import { onMaster, onPrimary, onReplica, onSlave } from '@node-replicated/decorators';
import { describe, expect, test } from 'vitest';
import { place } from './fixtures/both/place.js';
import { inRequest } from './in-request.js';

describe('a wrapped handler', () => {
  test('onMaster is onPrimary, and onSlave is onReplica', () => {
    expect(onMaster).toBe(onPrimary);
    expect(onSlave).toBe(onReplica);
  });

  test('runs in its role, with and without options', () => {
    expect(onPrimary(place)()).toBe('primary, forced');
    expect(onPrimary({}, place)()).toBe('primary, forced');
    expect(onReplica(place)()).toBe('replica, forced');
    expect(onReplica({ maxLagMs: 5 }, () => currentScope()?.rule)()).toEqual({
      role: 'replica',
      maxLagMs: 5,
    });
  });

  test('serves an Express route and a Fastify route alike', async () => {
    const express = onPrimary(async (_request: object, response: { body: string }): Promise<void> => {
      await nextTurn();
      response.body = place();
    });
    const fastify = onReplica(async (_request: object, _reply: object): Promise<string> => {
      await nextTurn();
      return place();
    });
    const response = { body: '' };
    await inRequest('GET', () => express({}, response));
    expect(response.body).toBe('primary, forced');
    expect(await inRequest('POST', () => fastify({}, {}))).toBe('replica, forced');
  });

  test('passes the scope on to what it calls back, as next() in Express', () => {
    const middleware = onPrimary((_request: object, _response: object, next: () => string) => next());
    expect(inRequest('GET', () => middleware({}, {}, place))).toBe('primary, forced');
  });

  test('keeps `this`, as Fastify binds its instance', () => {
    const server = { name: 'server' };
    const handler = onReplica(function (this: { name: string }): string {
      return this.name;
    });
    expect(handler.call(server)).toBe('server');
  });

  test('keeps its four parameters, by which Express knows an error handler', () => {
    const handler = onPrimary(function failed(
      _error: unknown,
      _request: object,
      _response: object,
      _next: object,
    ): void {});
    expect([handler.name, handler.length]).toEqual(['failed', 4]);
  });

  test('keeps properties, symbols, metadata and the prototype of the handler', () => {
    const config = Symbol('config');
    const handler = Object.assign(async function list(): Promise<void> {}, { schema: {}, [config]: 1 });
    Reflect.defineMetadata('path', '/posts', handler);
    const wrapped = onPrimary(handler);
    expect(wrapped).not.toBe(handler);
    expect(wrapped.schema).toBe(handler.schema);
    expect(wrapped[config]).toBe(1);
    expect(Reflect.getMetadata('path', wrapped)).toBe('/posts');
    expect(wrapped.constructor.name).toBe('AsyncFunction');
    wrapped.schema = { other: true };
    expect(handler.schema).toEqual({});
  });

  test('takes a frozen handler', () => {
    expect(onPrimary(Object.freeze(() => place()))()).toBe('primary, forced');
  });

  test("restores the caller's state after a throw and after a rejection", async () => {
    const fails = onPrimary(() => {
      throw new Error('thrown');
    });
    const rejects = onPrimary(async () => {
      await nextTurn();
      throw new Error('rejected');
    });
    await inRequest('GET', async () => {
      expect(fails).toThrow('thrown');
      expect(place()).toBe('replica, method');
      await expect(rejects()).rejects.toThrow('rejected');
      expect(place()).toBe('replica, method');
    });
  });

  test('ignores wrappers inside it when it is locked', () => {
    expect(onPrimary({ lock: true }, () => onReplica(place)())()).toBe('primary, forced');
  });

  test('may be a generator', () => {
    const rows = onReplica(function* () {
      yield place();
    });
    expect([...rows()]).toEqual(['replica, forced']);
  });

  test('covers the call alone of a function that returns a generator made elsewhere', () => {
    const shared = (function* () {
      for (;;) yield place();
    })();
    const handler = onReplica(() => shared);
    expect(handler()).toBe(shared);
    expect(handler().next().value).toBe('primary, outside');
  });
});
