import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { currentScope, runInScope, type Scope } from '@node-replicated/core/adapter';

/** What the responses of `node:http` and of `node:http2` have in common, as far as sockets go. */
export interface BindableResponse extends EventEmitter {
  readonly socket: unknown;
  assignSocket?(socket: Socket): void;
}

/**
 * Makes the listeners and callbacks of a request and of its response run in the request's scope, whoever
 * registered them and whatever triggers them: Node's parser emits `data`, `end` and `close` outside any scope,
 * and a response that waits behind another on a keep-alive connection is flushed in that other one's scope.
 * What is emitted inside `usePrimary()` or `useReplica()` of this request stays there.
 */
export function bindToScope(req: EventEmitter, res: BindableResponse, scope: Scope): void {
  bindEvents(req, scope);
  bindEvents(res, scope);
  if (res.socket === null) bindFlush(res, scope);
}

function bindEvents(emitter: EventEmitter, scope: Scope): void {
  const { emit } = emitter;
  emitter.emit = function (...args): boolean {
    if (currentScope()?.session === scope.session) return Reflect.apply(emit, this, args);
    return runInScope(scope, () => Reflect.apply(emit, this, args));
  };
}

/** A pipelined response has no socket yet; it is flushed when it gets one. */
function bindFlush(res: BindableResponse, scope: Scope): void {
  const { assignSocket } = res;
  if (assignSocket === undefined) return;
  res.assignSocket = function (socket): void {
    runInScope(scope, () => Reflect.apply(assignSocket, this, [socket]));
  };
}
