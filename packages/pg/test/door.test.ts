import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { Door } from '../src/door.js';

const full = Object.assign(new pg.DatabaseError('too many', 0, 'error'), { code: '53300' });

describe('a door', () => {
  test('is open at first', () => {
    expect(new Door().refusal(0)).toBeUndefined();
  });

  test('that was closed refuses everybody with the same words until the pause is over', () => {
    const door = new Door();
    door.close(full, 100);
    expect(door.refusal(99)).toMatchObject({ message: 'too many', code: '53300' });
    expect(door.refusal(99)).toBeInstanceOf(pg.DatabaseError);
    expect(door.refusal(100)).toBeUndefined();
  });

  test('gives each of them an error of their own', () => {
    const door = new Door();
    door.close(full, 100);
    expect(door.refusal(0)).not.toBe(door.refusal(0));
  });

  test('lets one try for all once the pause is over', () => {
    const door = new Door();
    door.close(full, 100);
    expect(door.refusal(100)).toBeUndefined();
    expect(door.refusal(200)).toBeDefined();
    door.open();
    expect(door.refusal(200)).toBeUndefined();
  });

  test('stays closed for another pause when that one is refused', () => {
    const door = new Door();
    door.close(full, 100);
    door.refusal(100);
    door.close(full, 200);
    expect(door.refusal(199)).toBeDefined();
    expect(door.refusal(200)).toBeUndefined();
  });
});
