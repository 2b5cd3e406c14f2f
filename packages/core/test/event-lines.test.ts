import { describe, expect, test } from 'vitest';
import type { CountedEventName } from '../src/cluster-events.js';
import { type EventLine, eventLines } from '../src/event-lines.js';
import type { ReplicationEvents } from '../src/events.js';
import { sampleEvents } from './sample-events.js';

const names = Object.keys(eventLines) as CountedEventName[];

function lineOf<N extends CountedEventName>(
  name: N,
  news: Partial<ReplicationEvents[N]> = {},
): EventLine | undefined {
  return eventLines[name]({ ...sampleEvents[name], ...news });
}

describe('the line of an event', () => {
  test.each(names)('%s names the node or the cluster', (name) => {
    expect(lineOf(name)?.message).toMatch(/main|replica-1|primary/);
  });

  test.each(names)('%s holds nothing of what the request asked for', (name) => {
    expect(JSON.stringify(lineOf(name))).not.toContain('s3cret');
  });

  test.each([
    ['up', 'info', 'replica-1 is up, as replica'],
    ['lagging', 'warn', 'replica-1 is lagging, as replica'],
    ['down', 'warn', 'replica-1 is down: connection refused'],
  ])('of a node that is %s matters as %s', (to, level, message) => {
    expect(lineOf('node-changed', { to })).toMatchObject({
      level,
      message,
      fields: { node: 'replica-1', state: to, role: 'replica' },
    });
  });

  test('of a node that is down without a known reason ends there', () => {
    expect(lineOf('node-changed', { error: undefined })?.message).toBe('replica-1 is down');
  });

  test('there is none of a node that is tried again', () => {
    expect(lineOf('node-changed', { to: 'connecting' })).toBeUndefined();
  });

  test.each([
    ['primary-changed', {}, 'info', 'the primary of cluster main is b'],
    ['primary-changed', { to: undefined }, 'warn', 'cluster main has lost its primary, a'],
    ['read-only-changed', {}, 'error', 'cluster main has no primary: nothing can be written'],
    ['read-only-changed', { readOnly: false }, 'info', 'cluster main can be written to again'],
    [
      'node-rejected',
      {},
      'error',
      'replica-1 lets nobody of this configuration in: password authentication failed',
    ],
    [
      'primary-fenced',
      {},
      'error',
      'primary says that it is the primary, but a promotion has left its timeline behind: nothing is written there',
    ],
    [
      'split-brain',
      {},
      'error',
      'a and b both say that they are the primary of cluster main: nothing is written',
    ],
    [
      'fallback-to-primary',
      {},
      'warn',
      'a read went to the primary of cluster main: no replica could serve it',
    ],
    [
      'fallback-to-primary',
      { reason: 'pin' },
      'info',
      'a read went to the primary of cluster main: no replica had what its client wrote',
    ],
  ] as const)('of %s with %o matters as %s', (name, news, level, message) => {
    expect(lineOf(name, news)).toMatchObject({ level, message });
  });

  test('of a fallback is limited by its reason, and of a node by the node', () => {
    expect(lineOf('fallback-to-primary', { reason: 'pin' })?.about).toBe('pin');
    expect(lineOf('node-changed')?.about).toBe('replica-1');
    expect(lineOf('dirty-release')?.about).toBe('primary');
  });
});
