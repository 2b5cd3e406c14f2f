import { replaceMethod } from './replace-method.js';

/** What a response has that may look as if it had left. */
export interface Disguisable {
  statusCode: number;
}

const waysToChange = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;

/**
 * Makes a response that is held look as if its headers had left: to whoever asks, and to whoever tries to change
 * them. Otherwise a handler that answers twice would mix two answers, where Node tells it that it does.
 */
export class SentLook {
  readonly #res: Disguisable;
  #on = false;
  #statusCode = 200;
  #statusMessage: PropertyDescriptor | undefined;

  constructor(res: Disguisable) {
    this.#res = res;
    for (const way of waysToChange) {
      replaceMethod(res, way, (original, given) => {
        if (this.#on) throw headersSent(res);
        return Reflect.apply(original, res, given);
      });
    }
  }

  putOn(): void {
    const res = this.#res;
    this.#on = true;
    this.#statusCode = res.statusCode;
    this.#statusMessage = Reflect.getOwnPropertyDescriptor(res, 'statusMessage');
    pretend(res, 'headersSent');
    // Some middleware looks here instead; in HTTP/2 it says the same as `headersSent`.
    if (Object.hasOwn(res, '_header')) Reflect.set(res, '_header', 'held');
  }

  /** From now on it looks as if all had been said. */
  end(): void {
    pretend(this.#res, 'writableEnded');
  }

  /** Shows the response as it is. A status that was set in the meantime would not have counted. */
  takeOff(): void {
    const res = this.#res;
    this.#on = false;
    for (const property of ['headersSent', 'writableEnded', 'statusMessage'])
      Reflect.deleteProperty(res, property);
    if (this.#statusMessage !== undefined) Reflect.defineProperty(res, 'statusMessage', this.#statusMessage);
    if (Object.hasOwn(res, '_header')) Reflect.set(res, '_header', null);
    res.statusCode = this.#statusCode;
  }
}

function pretend(res: object, property: string): void {
  Reflect.defineProperty(res, property, { value: true, configurable: true });
}

/** The error with which Node refuses a change of headers that have left. */
export function headersSent(res: object): Error {
  return 'stream' in res
    ? Object.assign(new Error('Response has already been initiated.'), { code: 'ERR_HTTP2_HEADERS_SENT' })
    : Object.assign(new Error('Cannot set headers after they are sent to the client'), {
        code: 'ERR_HTTP_HEADERS_SENT',
      });
}
