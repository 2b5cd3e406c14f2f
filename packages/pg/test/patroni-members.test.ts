import { describe, expect, it } from 'vitest';
import { readMembers } from '../src/patroni-members.js';

const one = { name: 'pg-1', role: 'replica', state: 'streaming', host: '10.0.0.1', port: 5432 };

describe('the answer of a Patroni', () => {
  it('gives its members, the leader first', () => {
    const members = [one, { ...one, name: 'pg-2', role: 'leader', tags: { zone: 'b' } }];
    expect(readMembers({ members, scope: 'x' })).toEqual([
      { ...one, name: 'pg-2', role: 'leader', isLeader: true, tags: { zone: 'b' } },
      { ...one, isLeader: false, tags: {} },
    ]);
  });

  it('may name the leader of a cluster that follows another one', () => {
    expect(readMembers({ members: [{ ...one, role: 'standby_leader' }] })).toMatchObject([
      { isLeader: true },
    ]);
  });

  it.each(['host', 'port'])('may name a member that does not say its %s yet', (key) => {
    expect(readMembers({ members: [one, { ...one, name: 'new', [key]: undefined }] })).toHaveLength(1);
  });

  it('may have ports in words', () => {
    expect(readMembers({ members: [{ ...one, port: '6000' }] })).toMatchObject([{ port: 6000 }]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a word', 'members'],
    ['an object without members', {}],
    ['members that are no list', { members: { 0: one } }],
    ['a member without a name', { members: [{ ...one, name: undefined }] }],
    ['a name of several lines', { members: [{ ...one, name: 'a\nb' }] }],
    ['a name without end', { members: [{ ...one, name: 'a'.repeat(256) }] }],
    ['a host that is a path', { members: [{ ...one, host: '/tmp/elsewhere' }] }],
    ['a host that is an address of its own', { members: [{ ...one, host: 'a@b?c' }] }],
    ['a host that is an object', { members: [{ ...one, host: { toString: 'a' } }] }],
    ['a port that is none', { members: [{ ...one, port: 65_536 }] }],
    ['a port of nothing', { members: [{ ...one, port: 0 }] }],
    ['a port that is a fraction', { members: [{ ...one, port: 1.5 }] }],
    ['one member twice', { members: [one, one] }],
    ['members without end', { members: Array.from({ length: 257 }, (_, i) => ({ ...one, name: `n${i}` })) }],
  ])('that is %s is none', (_, answer) => {
    expect(() => readMembers(answer)).toThrow();
  });
});
