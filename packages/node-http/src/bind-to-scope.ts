import { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { currentScope, runInScope, type Scope } from '@node-replicated/core/adapter';

/** What the responses of `node:http` and of `node:http2` have in common, as far as sockets go. */
export interface BindableResponse extends EventEmitter {
  readonly socket: unknown;
  assignSocket?(socket: Socket): void;
}

const carried: unique symbol = Symbol('node-replicated.scope');

/** A request carries its scope, and so does a response, unless it finds it on its request. */
interface Carrier {
  [carried]?: Scope;
  readonly req?: Carrier;
}

/**
 * Makes the listeners and callbacks of a request and of its response run in the request's scope, whoever
 * registered them and whatever triggers them: Node's parser emits `data`, `end` and `close` outside any scope,
 * and a response that waits behind another on a keep-alive connection is flushed in that other one's scope.
 * What is emitted inside `usePrimary()` or `useReplica()` of this request stays there.
 */
export function bindToScope(req: EventEmitter, res: BindableResponse, scope: Scope): void {
  carry(req, scope);
  if (applicationPrototype(res) === undefined) carry(res, scope);
  bindEvents(req);
  bindEvents(res);
  if (res.socket === null) bindFlush(res, scope);
}

function carry(message: object, scope: Scope): void {
  (message as Carrier)[carried] = scope;
}

/** The scope that a request is bound to. */
export function boundScope(req: object): Scope | undefined {
  return (req as Carrier)[carried];
}

const { emit: plainEmit } = EventEmitter.prototype;
const nodesOwn: ReadonlySet<object> = new Set([IncomingMessage.prototype, ServerResponse.prototype]);
const prepared = new WeakSet<object>();

/**
 * The prototype that Express makes for the requests, or the responses, of one application. It gives each of them
 * a hidden class of its own by changing its prototype; from then on every property that is added costs
 * microseconds. So what all of them have goes where Express has its own methods.
 */
export function applicationPrototype(message: object): object | undefined {
  const prototype: object = Object.getPrototypeOf(message);
  return !nodesOwn.has(prototype) && Object.hasOwn(prototype, 'app') ? prototype : undefined;
}

function bindEvents(emitter: EventEmitter): void {
  const prototype = applicationPrototype(emitter);
  if (prototype !== undefined && prepared.has(prototype)) return;
  const { emit } = emitter;
  if (emit !== plainEmit || prototype === undefined) {
    emitter.emit = around(emit);
    return;
  }
  prepared.add(prototype);
  Object.defineProperty(prototype, 'emit', { value: around(emit), configurable: true, writable: true });
}

function around(emit: EventEmitter['emit']): EventEmitter['emit'] {
  return function (this: EventEmitter & Carrier, ...args): boolean {
    const scope = this[carried] ?? this.req?.[carried];
    // Most events have no listener, so there is nothing that could run in the wrong scope.
    if (scope === undefined || this.listenerCount(args[0]) === 0) return Reflect.apply(emit, this, args);
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
