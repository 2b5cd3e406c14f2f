import { EventEmitter } from 'node:events';
import { defineReplication } from '@node-replicated/core';
import { currentScope, openRequest, type Scope } from '@node-replicated/core/adapter';
import { describe, expect, it } from 'vitest';
import { bindToScope } from '../src/bind-to-scope.js';

const config = defineReplication({ secret: 'a secret of the test, 32 bytes or more' });

function newScope(): Scope {
  return openRequest(config, { method: 'GET', path: '/', headers: {}, secure: false });
}

/** A request and its response, which are emitters and nothing else. */
function bound(scope: Scope, req = new EventEmitter()): EventEmitter {
  bindToScope(req, Object.assign(new EventEmitter(), { socket: undefined }), scope);
  return req;
}

describe('what a message that is bound to a scope emits', () => {
  it('is heard in the scope, with its emitter and all that came with it', () => {
    const scope = newScope();
    const req = bound(scope);
    const heard: unknown[] = [];
    req.on('data', function (this: unknown, ...given) {
      heard.push(this, currentScope(), ...given);
    });
    expect(req.emit('data', 1, 2)).toBe(true);
    expect(heard).toEqual([req, scope, 1, 2]);
  });

  it('is nothing where nobody listens', () => {
    expect(bound(newScope()).emit('data')).toBe(false);
  });

  it('is thrown where it is an error, and nobody listens', () => {
    const error = new Error('on purpose');
    expect(() => bound(newScope()).emit('error', error)).toThrow(error);
  });

  it("reaches an emitter's own `emit`, although nobody listens", () => {
    const emitted: unknown[] = [];
    class Watched extends EventEmitter {
      override emit(...given: [string, ...unknown[]]): boolean {
        emitted.push(given);
        return super.emit(...given);
      }
    }
    bound(newScope(), new Watched()).emit('data', 1);
    expect(emitted).toContainEqual(['data', 1]);
  });
});
