import { describe, expect, test } from 'vitest';
import { ClusterEvents } from '../src/cluster-events.js';
import { onReplicationEvent } from '../src/events.js';
import { uncaughtDuring } from './uncaught.js';

const toB = { cluster: 'main', from: 'a', to: 'b' };

describe('the events of a cluster', () => {
  test('are told to those who listen to it', () => {
    const events = new ClusterEvents();
    const heard: unknown[] = [];
    events.on('primary-changed', (event) => heard.push(event));
    events.publish('primary-changed', toB);
    expect(heard).toEqual([toB]);
  });

  test('are told to nobody who listens to another, even of the same name', () => {
    const events = new ClusterEvents();
    const heard: unknown[] = [];
    new ClusterEvents().on('primary-changed', (event) => heard.push(event));
    events.publish('primary-changed', toB);
    expect(heard).toEqual([]);
  });

  test('are on the channels of the process too', () => {
    const heard: unknown[] = [];
    const stop = onReplicationEvent('primary-changed', (event) => heard.push(event));
    new ClusterEvents().publish('primary-changed', toB);
    stop();
    expect(heard).toEqual([toB]);
  });

  test('are told twice to one who listens twice, and once when one of the two has stopped', () => {
    const events = new ClusterEvents();
    const heard: string[] = [];
    const listener = (): void => void heard.push('one');
    const stop = events.on('primary-changed', listener);
    events.on('primary-changed', listener);
    events.publish('primary-changed', toB);
    expect(heard).toHaveLength(2);
    stop();
    stop();
    events.publish('primary-changed', toB);
    expect(heard).toHaveLength(3);
  });

  test('are told to all who listened when they happened, also when one of them stops another', () => {
    const events = new ClusterEvents();
    const heard: string[] = [];
    events.on('primary-changed', () => stop());
    const stop = events.on('primary-changed', () => heard.push('the second'));
    events.publish('primary-changed', toB);
    events.publish('primary-changed', toB);
    expect(heard).toEqual(['the second']);
  });

  test('are counted, each cluster for itself, whether or not anybody listens', () => {
    const events = new ClusterEvents();
    events.publish('primary-changed', toB);
    events.publish('primary-changed', toB);
    events.publish('dirty-release', { cluster: 'main', node: 'a' });
    expect(events.counts).toEqual({ 'primary-changed': 2, 'dirty-release': 1 });
    expect(new ClusterEvents().counts).toEqual({});
  });

  test('of statements are not counted, and can be asked for beforehand', () => {
    const events = new ClusterEvents();
    expect(events.hearsStatements).toBe(false);
    const heard: unknown[] = [];
    const stop = events.on('statement', (event) => heard.push(event));
    expect(events.hearsStatements).toBe(true);
    const statement = {
      cluster: 'main',
      request: undefined,
      node: 'a',
      role: 'primary',
      reason: 'outside',
      session: 'writer',
    } as const;
    events.tell('statement', statement);
    expect(heard).toEqual([statement]);
    expect(events.counts).toEqual({});
    stop();
    expect(events.hearsStatements).toBe(false);
  });

  test('are told to the others when a listener throws, and whoever published them goes on', async () => {
    const events = new ClusterEvents();
    const fault = new Error('a fault of the listener');
    const heard: unknown[] = [];
    events.on('primary-changed', () => {
      throw fault;
    });
    events.on('primary-changed', (event) => heard.push(event));
    let returned = false;
    const uncaught = await uncaughtDuring(() => {
      events.publish('primary-changed', toB);
      returned = true;
    });
    expect([returned, heard, uncaught]).toEqual([true, [toB], [fault]]);
  });
});
