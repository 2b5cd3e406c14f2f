import { ReplicationError } from './errors.js';

/** The error of an option that cannot be used: its name, and what it must be. */
export function badOption(name: string, why: string): ReplicationError {
  return new ReplicationError('ERR_OPTION', `${name}: ${why}.`);
}

/**
 * Checks that an option is an object with no other settings than the known ones.
 *
 * @param name what the option is called; empty for the options themselves
 * @throws ERR_OPTION, naming the option or the unknown setting
 */
export function requireSettings(name: string, value: unknown, known: ReadonlySet<string>): void {
  if (!isSettings(value)) throw badOption(name || 'options', 'must be an object');
  const stranger = Object.keys(value).find((key) => !known.has(key));
  if (stranger !== undefined)
    throw badOption(name ? `${name}.${stranger}` : stranger, 'there is no such option');
}

/** Whether a value is an object of settings, as opposed to a list, a map or null. */
export function isSettings(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}
