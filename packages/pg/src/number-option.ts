import { badOption } from '@node-replicated/core/adapter';

/** The longest time that a timer of Node can wait, in ms. */
export const longestTimer: number = 2 ** 31 - 1;

/** @throws ERR_OPTION, naming the option, when a value is no number within its bounds */
export function requireNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw badOption(name, `must be a number from ${least} to ${most}`);
  }
}
