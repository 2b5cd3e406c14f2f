import { describe, expect, test } from 'vitest';
import { toRole, toRoleRule } from '../src/role.js';
import { thrownBy } from './requests.js';

describe('the name of a role', () => {
  test.each([
    ['primary', 'primary'],
    ['replica', 'replica'],
    ['master', 'primary'],
    ['slave', 'replica'],
  ])('%s means %s', (word, role) => {
    expect(toRole(word)).toBe(role);
  });

  test.each(['', 'Primary', ' primary', 'primary, replica', 'toString', '__proto__', 'constructor'])(
    "'%s' is none",
    (word) => {
      expect(toRole(word)).toBeUndefined();
    },
  );

  test.each([undefined, null, 0, true, ['primary'], { role: 'primary' }, Symbol.iterator])(
    'what is no string is none: %o',
    (word) => {
      expect(toRole(word)).toBeUndefined();
    },
  );
});

describe('a rule', () => {
  test('may be a bare name', () => {
    expect(toRoleRule('slave', 'here')).toEqual({ role: 'replica' });
  });

  test('may be an object with conditions', () => {
    expect(toRoleRule({ role: 'slave', maxLagMs: 0, consistency: 'eventual' }, 'here')).toEqual({
      role: 'replica',
      maxLagMs: 0,
      consistency: 'eventual',
    });
  });

  test('holds no condition that was not stated', () => {
    expect(Object.keys(toRoleRule({ role: 'replica', maxLagMs: undefined }, 'here'))).toEqual(['role']);
  });

  test('is frozen, and changes to what the user wrote do not reach it', () => {
    const written = { role: 'replica', maxLagMs: 5 };
    const rule = toRoleRule(written, 'here');
    written.maxLagMs = 6;
    expect(rule.maxLagMs).toBe(5);
    expect(Object.isFrozen(rule)).toBe(true);
  });

  test.each([
    ['an unknown role', 'writer', 'ERR_ROLE', "'writer'"],
    ['no role', {}, 'ERR_ROLE', 'undefined'],
    ['null', null, 'ERR_ROLE', 'object'],
    ['a list', ['primary'], 'ERR_ROLE', 'role must be'],
    ['a number', 1, 'ERR_ROLE', 'number'],
    ['an unknown condition', { role: 'replica', maxLag: 5 }, 'ERR_OPTION', "'maxLag'"],
    ['a negative lag', { role: 'replica', maxLagMs: -1 }, 'ERR_OPTION', 'maxLagMs'],
    ['a lag that is no number', { role: 'replica', maxLagMs: '5' }, 'ERR_OPTION', 'maxLagMs'],
    ['a lag of NaN', { role: 'replica', maxLagMs: Number.NaN }, 'ERR_OPTION', 'maxLagMs'],
    ['an unknown consistency', { role: 'replica', consistency: 'weak' }, 'ERR_OPTION', "'weak'"],
    ['null as consistency', { role: 'replica', consistency: null }, 'ERR_OPTION', 'consistency'],
  ])('is refused, with the place and the fault, for %s', (_, input, code, fault) => {
    const error = thrownBy(() => toRoleRule(input, "overrides['/x']"));
    expect(error).toMatchObject({ name: 'ReplicationError', code });
    expect(String(error)).toContain("overrides['/x']");
    expect(String(error)).toContain(fault);
  });

  test('quotes no more than the beginning of a long word', () => {
    const error = thrownBy(() => toRoleRule('x'.repeat(10_000), 'here'));
    expect(String(error).length).toBeLessThan(200);
  });
});
