import { channel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from 'vitest';
import {
  eventChannel,
  eventOrigins,
  onReplicationEvent,
  publish,
  type ReplicationEventName,
  replicationCounts,
} from '../src/events.js';
import { uncaughtDuring } from './uncaught.js';

const names = Object.keys(eventOrigins) as ReplicationEventName[];

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function listen<N extends ReplicationEventName>(name: N): unknown[] {
  const heard: unknown[] = [];
  stops.push(onReplicationEvent(name, (payload) => heard.push(payload)));
  return heard;
}

describe('an event', () => {
  test.each(names)('%s is heard by its name, and on the channel of that name', (name) => {
    const payload = Object.freeze({}) as never;
    const heard = listen(name);
    const onChannel: unknown[] = [];
    const subscriber = (message: unknown): void => void onChannel.push(message);
    channel(`node-replicated:${name}`).subscribe(subscriber);
    eventChannel(name).publish(payload);
    channel(`node-replicated:${name}`).unsubscribe(subscriber);
    expect(heard).toEqual([payload]);
    expect(heard[0]).toBe(payload);
    expect(onChannel).toEqual([payload]);
  });

  test('of a statement is heard from its channel, and not counted', () => {
    const heard = listen('statement');
    eventChannel('statement').publish({ cluster: 'main' });
    expect(heard).toEqual([{ cluster: 'main' }]);
    expect(replicationCounts()).not.toHaveProperty('statement');
  });

  test('is heard at once, before publish returns', () => {
    const heard = listen('fallback-to-primary');
    publish('fallback-to-primary', { cluster: 'main', reason: 'pin' });
    expect(heard).toHaveLength(1);
  });

  test('of another name is not heard', () => {
    const heard = listen('fallback-to-primary');
    publish('split-brain', { cluster: 'main', nodes: ['a', 'b'] });
    expect(heard).toEqual([]);
  });

  test('is heard by everybody who listens, also twice by one who asked twice', () => {
    const heard: string[] = [];
    const listener = (): void => void heard.push('one');
    stops.push(onReplicationEvent('fallback-to-primary', listener));
    stops.push(onReplicationEvent('fallback-to-primary', listener));
    publish('fallback-to-primary', { cluster: 'main', reason: 'pin' });
    expect(heard).toEqual(['one', 'one']);
  });

  test('is not heard after the listener stopped, while others go on', () => {
    const stopped: unknown[] = [];
    const stop = onReplicationEvent('fallback-to-primary', (payload) => stopped.push(payload));
    const heard = listen('fallback-to-primary');
    stop();
    stop();
    publish('fallback-to-primary', { cluster: 'main', reason: 'pin' });
    expect(stopped).toEqual([]);
    expect(heard).toHaveLength(1);
  });

  test('can be asked whether anybody listens, before its payload is made', () => {
    expect(eventChannel('statement').hasSubscribers).toBe(false);
    listen('statement');
    expect(eventChannel('statement').hasSubscribers).toBe(true);
    stops.pop()?.();
    expect(eventChannel('statement').hasSubscribers).toBe(false);
  });
});

describe('the count of an event', () => {
  test('grows with each, whether or not anybody listens', () => {
    const before = replicationCounts()['late-write'] ?? 0;
    publish('late-write', { cluster: 'main', request: undefined });
    listen('late-write');
    publish('late-write', { cluster: 'main', request: undefined });
    expect(replicationCounts()['late-write']).toBe(before + 2);
  });

  test('is a picture of its moment', () => {
    const picture = replicationCounts();
    const before = picture['dirty-release'];
    publish('dirty-release', { cluster: 'main', node: 'a' });
    expect(picture['dirty-release']).toBe(before);
  });
});

describe('a listener that throws', () => {
  test('is not the trouble of the request: publish returns, and the other listeners hear', async () => {
    const fault = new Error('a fault of the listener');
    stops.push(
      onReplicationEvent('fallback-to-primary', () => {
        throw fault;
      }),
    );
    const heard = listen('fallback-to-primary');
    let returned = false;
    const uncaught = await uncaughtDuring(() => {
      publish('fallback-to-primary', { cluster: 'main', reason: 'pin' });
      returned = true;
    });
    expect(returned).toBe(true);
    expect(heard).toHaveLength(1);
    expect(uncaught).toEqual([fault]);
  });
});
