import { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { runInScope, type Scope } from '@node-replicated/core/adapter';
import { applyInScope, bindListeners } from './bind-listeners.js';
import { carriedScope, carryOnResponse, carryScope } from './carry-scope.js';
import { gateEndings } from './ending-gate.js';
import { layUnder } from './lowest-layer.js';

/** What the responses of `node:http` and of `node:http2` have in common, as far as sockets go. */
export interface BindableResponse extends BindableMessage {
  readonly socket: unknown;
}

interface BindableMessage extends EventEmitter {
  assignSocket?(socket: Socket): void;
}

/**
 * Makes the listeners and callbacks of a request and of its response run in the request's scope, whoever
 * registered them and whatever triggers them: Node's parser emits `data`, `end` and `close` outside any scope,
 * and a response that waits behind another on a keep-alive connection is flushed in that other one's scope.
 * What is emitted inside `usePrimary()` or `useReplica()` of this request stays there.
 */
export function bindToScope(req: EventEmitter, res: BindableResponse, scope: Scope): void {
  carryScope(req, scope);
  if (!bindAll(req)) bindEvents(req);
  if (bindAll(res)) return;
  carryOnResponse(res, scope);
  bindEvents(res);
  if (res.socket === null) bindFlush(res, res);
}

const prepared = new WeakSet<object>();

/**
 * The prototype that Express makes for the requests, or the responses, of one application. It gives each of them
 * a hidden class of its own by changing its prototype; from then on every property that is added, and every look
 * at one that changes, costs microseconds. So what all of them have goes where Express has its own methods.
 */
export function applicationPrototype(message: object): EventEmitter | undefined {
  const prototype: EventEmitter = Object.getPrototypeOf(message);
  if (prototype === IncomingMessage.prototype || prototype === ServerResponse.prototype) return undefined;
  return prepared.has(prototype) || Object.hasOwn(prototype, 'app') ? prototype : undefined;
}

/**
 * Binds all messages of an application at once, those to come too. Their `emit` is left alone: it is called for many
 * events that nobody listens to, and would have to look each time.
 *
 * @returns whether this one is among them
 */
function bindAll(message: BindableMessage): boolean {
  const prototype = applicationPrototype(message);
  if (prototype === undefined) return false;
  if (prepared.has(prototype)) return true;
  prepared.add(prototype);
  bindListeners(prototype, carriedScope);
  bindFlush(prototype, message);
  if ('writeHead' in prototype && layUnder(prototype)) gateEndings(prototype);
  return true;
}

function bindEvents(message: BindableMessage): void {
  message.emit = scopedEmit(message.emit);
}

type Emit = EventEmitter['emit'];

/** What was made last, and for which `emit`: nearly all messages have the same one. */
let lastEmit: Emit | undefined;
let lastScoped: Emit | undefined;

/** An `emit` that calls another one in the scope of its message: one for all messages, as one for each costs too much. */
function scopedEmit(emit: Emit): Emit {
  if (lastScoped !== undefined && lastEmit === emit) return lastScoped;
  lastEmit = emit;
  const isNodes = emit === EventEmitter.prototype.emit;
  lastScoped = function (this: EventEmitter, ...args): boolean {
    // Most events have no listener, so there is nothing that could run in the wrong scope, and Node's own does nothing.
    if (this.listenerCount(args[0]) === 0) {
      return isNodes && args[0] !== 'error' ? false : Reflect.apply(emit, this, args);
    }
    const scope = carriedScope(this);
    return scope === undefined ? Reflect.apply(emit, this, args) : applyInScope(scope, emit, this, args);
  };
  return lastScoped;
}

/**
 * A pipelined response has no socket yet; it is flushed when it gets one.
 *
 * @param target the response, or the prototype of all responses of its application
 */
function bindFlush(target: BindableMessage, { assignSocket }: BindableMessage): void {
  if (assignSocket === undefined) return;
  target.assignSocket = function (this: object, socket): void {
    runInScope(carriedScope(this), () => Reflect.apply(assignSocket, this, [socket]));
  };
}
