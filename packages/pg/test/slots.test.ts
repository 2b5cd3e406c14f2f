import { describe, expect, test } from 'vitest';
import { Slots } from '../src/slots.js';

describe('values in slots', () => {
  test('are each taken out once', () => {
    const slots = new Slots<string>();
    const [a, b] = [slots.add('a'), slots.add('b')];
    expect(slots.remove(a, 'a')).toBe(true);
    expect(slots.remove(a, 'a')).toBe(false);
    expect(slots.remove(b, 'b')).toBe(true);
  });

  test('take the slots of those that have left, who cannot take them out', () => {
    const slots = new Slots<string>();
    const slot = slots.add('a');
    slots.remove(slot, 'a');
    expect(slots.add('b')).toBe(slot);
    expect(slots.remove(slot, 'a')).toBe(false);
    expect(slots.clear()).toEqual(['b']);
  });

  test('are taken out all at once', () => {
    const slots = new Slots<string>();
    const [a] = [slots.add('a'), slots.add('b')];
    slots.remove(a, 'a');
    expect(slots.clear()).toEqual(['b']);
    expect(slots.clear()).toEqual([]);
    expect(slots.add('c')).toBe(0);
  });
});
