import type { EventEmitter } from 'node:events';
import { beforeClosing } from './before-closing.js';
import { DrainListeners } from './drain-listeners.js';
import { refuseBadBody, refuseBadHead } from './refuse-call.js';
import { type Method, replaceMethod } from './replace-method.js';
import { headersSent, SentLook } from './sent-look.js';

/** What the responses of `node:http` and of `node:http2` have in common, as far as sending goes. */
export interface HoldableResponse extends EventEmitter {
  statusCode: number;
  readonly headersSent: boolean;
  destroy(error?: Error): unknown;
}

/** The ways in which an application makes headers leave, with what each returns while the response is held. */
const waysOut = {
  writeHead: (res: HoldableResponse): unknown => res,
  flushHeaders: (): unknown => undefined,
  write: (): unknown => false,
  end: (res: HoldableResponse): unknown => res,
} as const;

/** A call that waits. It goes on to the method that it was on its way to, past middleware that it has passed. */
interface Call {
  readonly way: string;
  readonly original: Method;
  readonly given: readonly unknown[];
}

/**
 * Keeps a response from leaving until something is ready, and then lets it leave as it was given, in order. To
 * the application it looks as if it had left: `headersSent` and `writableEnded` say so, headers can no longer be
 * changed, and `write` asks it to wait for `drain`. Should the connection be closed meanwhile, then the response
 * leaves first, as it would have.
 *
 * @param res a response whose headers have not left yet
 * @param ready asked at the first call that would make the headers leave; undefined: there is nothing to wait for
 */
export function holdResponse(res: HoldableResponse, ready: () => Promise<unknown> | undefined): void {
  const held: Call[] = [];
  const look = new SentLook(res);
  const listeners = new DrainListeners(res);
  let state: 'waiting' | 'holding' | 'open' = 'waiting';
  let stopWatching = (): void => undefined;
  const open = (): void => {
    state = 'open';
    listeners.release(false);
  };
  const letGo = (): void => {
    if (state === 'open') return;
    state = 'open';
    stopWatching();
    look.takeOff();
    listeners.release(replay(res, held));
  };
  const hold = (call: Call): void => {
    held.push(call);
    if (call.way === 'end') look.end();
  };
  for (const [way, answer] of Object.entries(waysOut)) {
    replaceMethod(res, way, (original, given) => {
      const promise = state === 'waiting' ? ready() : undefined;
      if (state === 'waiting' && promise === undefined) open();
      if (state === 'open') return Reflect.apply(original, res, given);
      if (way === 'writeHead' && state === 'holding') throw headersSent(res);
      refuseBadBody(way, given);
      if (promise !== undefined) {
        refuseBadHead(way, given, res.statusCode);
        state = 'holding';
        if (way === 'writeHead') res.statusCode = Number(given[0]);
        look.putOn();
        stopWatching = beforeClosing(res, letGo);
        promise.then(letGo, letGo);
      }
      hold({ way, original, given });
      return answer(res);
    });
  }
  // What `compression` adds: it sends what was written so far, of which it knows nothing yet.
  replaceMethod(res, 'flush', (original, given) => {
    if (state !== 'holding') return Reflect.apply(original, res, given);
    hold({ way: 'flush', original, given });
    return undefined;
  });
}

/** @returns whether those who were told to wait may go on at once; if not, they are told as usual */
function replay(res: HoldableResponse, held: readonly Call[]): boolean {
  let goOn = false;
  try {
    for (const { way, original, given } of held) {
      const result = Reflect.apply(original, res, given);
      if (way === 'write') goOn = result !== false;
      if (way === 'end') goOn = false;
    }
  } catch (error) {
    // The application has long returned: nobody is left to catch it.
    res.destroy(error instanceof Error ? error : undefined);
    return false;
  }
  return goOn;
}
