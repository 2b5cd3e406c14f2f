import type { EventEmitter } from 'node:events';

/** What the responses of `node:http` and of `node:http2` have in common, as far as sending goes. */
export interface HoldableResponse extends EventEmitter {
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

/** The ways in which somebody who was told to wait asks to be told when to go on. */
const waysToListen = ['on', 'addListener', 'once'] as const;

interface Call {
  readonly way: string;
  readonly given: readonly unknown[];
}

type Method = (...given: unknown[]) => unknown;

/**
 * Keeps a response from leaving until something is ready, and then lets it leave as it was given, in order. To
 * the application it looks as if it had left: `headersSent` and `writableEnded` say so, and `write` asks it to
 * wait for `drain`.
 *
 * @param res a response whose headers have not left yet
 * @param ready asked once, at the first call that would make the headers leave; undefined: there is nothing to
 *   wait for
 */
export function holdResponse(res: HoldableResponse, ready: () => Promise<unknown> | undefined): void {
  const held: Call[] = [];
  const waiters: Call[] = [];
  let state: 'waiting' | 'holding' | 'open' = 'waiting';
  const letGo = (): void => {
    state = 'open';
    for (const property of ['headersSent', 'writableEnded']) Reflect.deleteProperty(res, property);
    const full = replay(res, held);
    if (held.some(({ way }) => way === 'write')) tellWaiters(res, waiters, full);
  };
  for (const [way, answer] of Object.entries(waysOut)) {
    replaceMethod(res, way, (original, given) => {
      if (state === 'waiting') {
        const promise = ready();
        state = promise === undefined ? 'open' : 'holding';
        promise?.then(letGo, letGo);
      }
      if (state === 'open') return Reflect.apply(original, res, given);
      held.push({ way, given });
      Object.defineProperty(res, 'headersSent', { value: true, configurable: true });
      if (way === 'end') Object.defineProperty(res, 'writableEnded', { value: true, configurable: true });
      return answer(res);
    });
  }
  for (const way of waysToListen) {
    replaceMethod(res, way, (original, given) => {
      if (state !== 'holding' || given[0] !== 'drain') return Reflect.apply(original, res, given);
      waiters.push({ way, given });
      return res;
    });
  }
}

function replaceMethod(
  res: HoldableResponse,
  name: string,
  body: (original: Method, given: readonly unknown[]) => unknown,
): void {
  const original: unknown = Reflect.get(res, name);
  if (typeof original !== 'function') return;
  Reflect.set(res, name, (...given: unknown[]): unknown => body(original as Method, given));
}

/** @returns whether the last write asks its writer to wait */
function replay(res: HoldableResponse, held: readonly Call[]): boolean {
  let full = false;
  try {
    for (const { way, given } of held) {
      const result = call(res, way, given);
      if (way === 'write') full = result === false;
    }
  } catch (error) {
    // The application has long returned: nobody is left to catch it.
    res.destroy(error instanceof Error ? error : undefined);
  }
  return full;
}

/**
 * Those who were told to wait go on at once, unless the buffer is full: then they wait for it as usual. They
 * are called one by one, because middleware such as `compression` listens for `drain` on a stream of its own.
 */
function tellWaiters(res: HoldableResponse, waiters: readonly Call[], full: boolean): void {
  if (!full) res.emit('drain');
  for (const { way, given } of waiters) {
    const [, listener] = given;
    if (full || way !== 'once') call(res, way, given);
    if (!full && typeof listener === 'function') Reflect.apply(listener, res, []);
  }
}

function call(res: HoldableResponse, method: string, given: readonly unknown[]): unknown {
  const fn: unknown = Reflect.get(res, method);
  return typeof fn === 'function' ? Reflect.apply(fn, res, given) : undefined;
}
