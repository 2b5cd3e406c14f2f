import { readyToSeal } from '@node-replicated/core/adapter';
import { beforeClosing } from './before-closing.js';
import { headToLeave } from './before-headers.js';
import { carriedScope } from './carry-scope.js';
import type { HoldableResponse } from './hold-response.js';
import { isKept, type Keeper, keepBelow, leave, type WayOut } from './lowest-layer.js';
import { refuseBadBody, refuseBadHead } from './refuse-call.js';
import { headersSent, SentLook } from './sent-look.js';

/** The longest, in ms, that the headers wait for middleware to end the response. */
const longestMs = 1_000;

/**
 * Looks after middleware that puts an `end` of its own before Node's. express-session's lets the headers leave, saves
 * what has changed, and only then ends the response: too late for a pin that is to name what was saved. So nothing
 * leaves before such an `end` has reached Node's, or takes too long.
 *
 * An `end` that was put there before the request had a scope is left alone: what it does is none of the request's.
 *
 * @param prototype that of an application's responses, which has a lowest layer
 */
export function gateEndings(prototype: object): void {
  const lowest: unknown = Reflect.get(prototype, 'end');
  Reflect.defineProperty(prototype, 'end', {
    configurable: true,
    get: () => lowest,
    set(this: HoldableResponse, given: unknown) {
      let end = gated(this, given);
      Reflect.defineProperty(this, 'end', {
        configurable: true,
        enumerable: true,
        get: () => end,
        set: (other: unknown) => {
          end = gated(this, other);
        },
      });
    },
  });
}

function gated(res: HoldableResponse, end: unknown): unknown {
  const scope = carriedScope(res);
  if (scope === undefined || typeof end !== 'function') return end;
  return function (this: unknown, ...given: readonly unknown[]): unknown {
    if (this !== res || isKept(res) || res.headersSent) return Reflect.apply(end, this, given);
    const gate = new EndingGate(res, () => readyToSeal(scope));
    keepBelow(res, gate);
    try {
      return Reflect.apply(end, res, given);
    } finally {
      gate.returned();
    }
  };
}

/** Keeps what one `end` sends until it has sent all of it. */
class EndingGate implements Keeper {
  readonly #res: HoldableResponse;
  readonly #ready: () => Promise<unknown> | undefined;
  readonly #kept: { readonly way: WayOut; readonly given: readonly unknown[] }[] = [];
  readonly #look: SentLook;
  #ended = false;
  #hasReturned = false;
  #timer: NodeJS.Timeout | undefined;
  #stopWatching = (): void => undefined;

  /** @param ready asked when all is there; undefined: there is nothing to wait for */
  constructor(res: HoldableResponse, ready: () => Promise<unknown> | undefined) {
    this.#res = res;
    this.#ready = ready;
    this.#look = new SentLook(res);
  }

  keep(way: WayOut, given: readonly unknown[]): unknown {
    const res = this.#res;
    refuseBadBody(way, given);
    if (this.#kept.length === 0) {
      refuseBadHead(way, given, res.statusCode);
      if (way === 'writeHead') res.statusCode = Number(given[0]);
      this.#look.putOn();
    } else if (way === 'writeHead') throw headersSent(res);
    this.#kept.push({ way, given });
    if (way === 'end') {
      this.#ended = true;
      this.#look.end();
      if (this.#hasReturned) this.#letGoWhenReady();
    }
    if (way === 'write') return true;
    return way === 'flushHeaders' ? undefined : res;
  }

  /** The middleware's `end` has returned. */
  returned(): void {
    this.#hasReturned = true;
    if (this.#ended && this.#letGoWhenReady()) return;
    this.#stopWatching = beforeClosing(this.#res, () => this.#letGoLate());
    if (!this.#ended) this.#timer = setTimeout(() => this.#letGoLate(), longestMs);
  }

  /** @returns whether it has gone */
  #letGoWhenReady(): boolean {
    const ready = this.#ready();
    clearTimeout(this.#timer);
    if (ready === undefined) this.#letGo();
    else
      ready.then(
        () => this.#letGoLate(),
        () => this.#letGoLate(),
      );
    return ready === undefined;
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#stopWatching();
    keepBelow(this.#res, undefined);
    if (this.#kept.length > 0) this.#look.takeOff();
    for (const { way, given } of this.#kept.splice(0)) {
      leave(this.#res, way, way === 'writeHead' ? headToLeave(this.#res, given) : given);
    }
  }

  /** Nobody is left to catch what goes wrong. */
  #letGoLate(): void {
    try {
      this.#letGo();
    } catch (error) {
      this.#res.destroy(error instanceof Error ? error : undefined);
    }
  }
}
