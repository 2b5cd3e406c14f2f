import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { eventOrigins, type ReplicationEventName } from '../src/events.js';
import { sampleEvents } from './sample-events.js';

const names = Object.keys(eventOrigins) as ReplicationEventName[];
const page = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8');
const [, events = ''] = /^## Events$([\s\S]*?)^## /m.exec(page) ?? [];

/** The table's rows by the event's name. */
const rows = new Map(
  events
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, name = '', ...cells]) => [name.replaceAll('`', ''), cells] as const),
);

describe('docs/observability.md', () => {
  test('has a row for each event, and none for what is no event', () => {
    expect([...rows.keys()].toSorted()).toEqual(names.toSorted());
  });

  test.each(names)('says what %s belongs to', (name) => {
    expect(rows.get(name)?.[0]).toBe(eventOrigins[name] === 'cluster' ? 'a pool' : 'a request');
  });

  test.each(names)('says what %s carries', (name) => {
    const documented = rows.get(name)?.[1]?.match(/\w+/g) ?? [];
    expect(documented.toSorted()).toEqual(Object.keys(sampleEvents[name]).toSorted());
  });
});
