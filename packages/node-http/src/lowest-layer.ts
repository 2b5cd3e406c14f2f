import type { Method } from './replace-method.js';

const waysOut = ['writeHead', 'flushHeaders', 'write', 'end'] as const;

/** The ways in which a response leaves. */
export type WayOut = (typeof waysOut)[number];

/** Who takes what would leave, in place of Node. */
export interface Keeper {
  keep(way: WayOut, given: readonly unknown[]): unknown;
}

const layer: unique symbol = Symbol('node-replicated.layer');

/** A response whose prototype has a lowest layer: its methods. */
interface Layered {
  readonly [layer]?: Readonly<Record<string, Method>>;
}

const keepers = new WeakMap<object, Keeper>();

/**
 * Puts a layer below all middleware of an application's responses, next to Node. It is called for every response, and
 * does nothing there unless somebody keeps what leaves.
 *
 * @param prototype that of the responses
 * @returns whether there was none
 */
export function layUnder(prototype: object): boolean {
  if (layer in prototype) return false;
  const methods: [string, Method][] = waysOut.map((way) => [way, lowest(way, Reflect.get(prototype, way))]);
  for (const [way, value] of methods)
    Reflect.defineProperty(prototype, way, { value, configurable: true, writable: true });
  Reflect.defineProperty(prototype, layer, { value: Object.fromEntries(methods) });
  return true;
}

function lowest(way: WayOut, original: Method): Method {
  return function (this: object, ...given): unknown {
    const keeper = keepers.get(this);
    return keeper === undefined ? Reflect.apply(original, this, given) : keeper.keep(way, given);
  };
}

/** Lets something leave by that layer, past all middleware. */
export function leave(res: object, way: WayOut, given: readonly unknown[]): void {
  const method = (res as Layered)[layer]?.[way];
  if (method !== undefined) Reflect.apply(method, res, given);
}

/** Hands what leaves from now on to a keeper; undefined: to Node. */
export function keepBelow(res: object, keeper: Keeper | undefined): void {
  if (keeper === undefined) keepers.delete(res);
  else keepers.set(res, keeper);
}

/** Whether what leaves is handed to a keeper. */
export function isKept(res: object): boolean {
  return keepers.has(res);
}
