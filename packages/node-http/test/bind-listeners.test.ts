import { EventEmitter } from 'node:events';
import { currentReplication, defineReplication } from '@node-replicated/core';
import { openRequest, type Scope } from '@node-replicated/core/adapter';
import { beforeEach, describe, expect, it } from 'vitest';
import { bindListeners } from '../src/bind-listeners.js';

const config = defineReplication({ secret: 'the secret of these tests is long enough' });

class Message extends EventEmitter {
  scope: Scope | undefined;
}

describe('a listener that is added to a message of a bound prototype', () => {
  const ways = ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const;
  let message: Message;
  let heard: string[];
  const listener = (): void => {
    heard.push(currentReplication().reason);
  };

  beforeEach(() => {
    const prototype = new Message();
    bindListeners(prototype, (one) => (one as Message).scope);
    message = Object.create(prototype) as Message;
    message.scope = openRequest(config, { method: 'GET', path: '/', headers: {}, secure: false });
    heard = [];
  });

  it.each(ways)('by %s() runs in the scope of the message, whoever emits', (way) => {
    message[way]('end', listener);
    expect(message.emit('end')).toBe(true);
    expect(heard).toEqual(['method']);
  });

  it.each(ways)('by %s() can be removed', (way) => {
    message[way]('end', listener);
    message.off('end', listener);
    expect(message.listenerCount('end')).toBe(0);
    expect(message.emit('end')).toBe(false);
  });

  it.each(ways)('by %s() is listed as what it is', (way) => {
    message[way]('end', listener);
    expect(message.listeners('end')).toEqual([listener]);
  });

  it('hears as often as it wants to', () => {
    message.on('data', listener);
    message.once('end', listener);
    for (const event of ['data', 'data', 'end', 'end']) message.emit(event);
    expect(heard).toHaveLength(3);
    expect(message.listenerCount('end')).toBe(0);
  });

  it('hears an event once, although another listener emits it again', () => {
    message.once('end', () => message.emit('end'));
    message.once('end', listener);
    message.emit('end');
    expect(heard).toHaveLength(1);
  });

  it('gets what is emitted, and its emitter', () => {
    const got: unknown[] = [];
    message.on('data', function (this: unknown, ...args) {
      got.push(this, ...args);
    });
    message.emit('data', 1, 2);
    expect(got).toEqual([message, 1, 2]);
  });

  it('has its place among the others', () => {
    const order: string[] = [];
    message.on('end', () => order.push('on'));
    message.prependOnceListener('end', () => order.push('before'));
    message.once('end', () => order.push('once'));
    message.emit('end');
    expect(order).toEqual(['before', 'on', 'once']);
  });

  it('runs where it is emitted as long as the message has no scope', () => {
    message.scope = undefined;
    message.once('end', listener);
    message.emit('end');
    message.emit('end');
    expect(heard).toEqual(['outside']);
  });

  it('is bound once, where a bound prototype inherits from another one', () => {
    const inner = Object.create(Object.getPrototypeOf(message)) as Message;
    bindListeners(inner, (one) => (one as Message).scope);
    const mounted = Object.assign(Object.create(inner) as Message, { scope: message.scope });
    mounted.on('end', listener);
    mounted.once('end', listener);
    mounted.emit('end');
    mounted.off('end', listener);
    expect(heard).toEqual(['method', 'method']);
    expect(mounted.listenerCount('end')).toBe(0);
  });

  it('is left alone where Node lets go of the request with it', () => {
    message.on('end', function clearIncoming() {
      listener();
    });
    message.emit('end');
    expect(heard).toEqual(['outside']);
  });

  it('has to be a function', () => {
    expect(() => message.on('end', undefined as never)).toThrow(TypeError);
  });
});
