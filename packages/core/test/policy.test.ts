import { describe, expect, test } from 'vitest';
import type { OperationType } from '../src/operation.js';
import { decide, outsideDecision, type PolicyInput, type Reason, requiresPosition } from '../src/policy.js';
import type { Role, RoleRule } from '../src/role.js';
import { policyCases } from './policy-cases.js';

const nothing: PolicyInput = {
  forced: undefined,
  header: undefined,
  override: undefined,
  pin: 'none',
  pinned: undefined,
  wrote: false,
  safe: undefined,
  operation: undefined,
  job: undefined,
};

describe('the policy, by example', () => {
  test.each(policyCases)('$name', ({ given, expected }) => {
    expect(decide({ ...nothing, ...given })).toMatchObject(expected);
  });
});

/** What one voice asks for; `silent` when it says nothing. */
type Voice = 'silent' | 'primary' | 'replica' | 'eventual' | 'strong';

/** What the request says of itself: its method, or, where there is one, its operation. */
type Kind = 'reads' | 'writes' | 'none' | OperationType;

const kinds: Readonly<Record<string, readonly Kind[]>> = {
  reading: ['reads', 'query'],
  'only reads': ['reads', 'query', 'subscription'],
  'may write': ['writes', 'mutation', 'none'],
};

interface Row {
  readonly forced?: Voice;
  readonly header?: Voice;
  readonly override?: Voice;
  readonly job?: Voice;
  readonly method?: Kind | 'reading' | 'only reads' | 'may write';
  readonly pin?: 'none' | 'primary' | 'position' | 'not primary';
  readonly wrote?: boolean;
  readonly goes: readonly [role: Role, reason: Reason, session: 'writer' | 'reader'];
}

const quiet = { forced: 'silent', header: 'silent', override: 'silent' } as const;

/** The whole policy. The rows do not overlap, so their order means nothing; what a row leaves out is free. */
const table: readonly Row[] = [
  { forced: 'primary', method: 'only reads', goes: ['primary', 'forced', 'reader'] },
  { forced: 'primary', method: 'may write', goes: ['primary', 'forced', 'writer'] },
  { forced: 'strong', goes: ['primary', 'forced', 'reader'] },
  { forced: 'eventual', goes: ['replica', 'forced', 'reader'] },
  { forced: 'replica', wrote: false, goes: ['replica', 'forced', 'reader'] },
  { forced: 'replica', wrote: true, goes: ['primary', 'own-write', 'reader'] },

  { forced: 'silent', header: 'primary', method: 'only reads', goes: ['primary', 'header', 'reader'] },
  { forced: 'silent', header: 'primary', method: 'may write', goes: ['primary', 'header', 'writer'] },
  { forced: 'silent', header: 'replica', wrote: false, goes: ['replica', 'header', 'reader'] },
  { forced: 'silent', header: 'replica', wrote: true, goes: ['primary', 'own-write', 'reader'] },

  { ...quiet, override: 'primary', method: 'only reads', goes: ['primary', 'override', 'reader'] },
  { ...quiet, override: 'primary', method: 'may write', goes: ['primary', 'override', 'writer'] },
  { ...quiet, override: 'strong', goes: ['primary', 'override', 'reader'] },
  { ...quiet, override: 'eventual', goes: ['replica', 'override', 'reader'] },
  { ...quiet, override: 'replica', wrote: false, goes: ['replica', 'override', 'reader'] },
  { ...quiet, override: 'replica', wrote: true, goes: ['primary', 'own-write', 'reader'] },

  { ...quiet, method: 'reading', pin: 'primary', goes: ['primary', 'pin', 'reader'] },
  { ...quiet, method: 'reading', pin: 'not primary', wrote: true, goes: ['primary', 'own-write', 'reader'] },
  { ...quiet, method: 'reading', pin: 'position', wrote: false, goes: ['replica', 'caught-up', 'reader'] },
  { ...quiet, method: 'reads', pin: 'none', wrote: false, goes: ['replica', 'method', 'reader'] },
  { ...quiet, method: 'query', pin: 'none', wrote: false, goes: ['replica', 'operation', 'reader'] },
  { ...quiet, method: 'writes', goes: ['primary', 'method', 'writer'] },
  { ...quiet, method: 'mutation', goes: ['primary', 'operation', 'writer'] },
  { ...quiet, method: 'subscription', goes: ['primary', 'operation', 'reader'] },

  { ...quiet, job: 'primary', goes: ['primary', 'job', 'writer'] },
  { ...quiet, job: 'strong', goes: ['primary', 'job', 'reader'] },
  { ...quiet, job: 'eventual', goes: ['replica', 'job', 'reader'] },
  { ...quiet, job: 'replica', wrote: false, pin: 'none', goes: ['replica', 'job', 'reader'] },
  { ...quiet, job: 'replica', wrote: false, pin: 'primary', goes: ['primary', 'pin', 'reader'] },
  { ...quiet, job: 'replica', wrote: false, pin: 'position', goes: ['replica', 'caught-up', 'reader'] },
  { ...quiet, job: 'replica', wrote: true, goes: ['primary', 'own-write', 'reader'] },

  { ...quiet, job: 'silent', method: 'none', goes: ['primary', 'outside', 'writer'] },
];

function voiceOf(rule: RoleRule | undefined): Voice {
  if (rule === undefined) return 'silent';
  if (rule.role === 'primary') return 'primary';
  return rule.consistency === 'eventual' || rule.consistency === 'strong' ? rule.consistency : 'replica';
}

function fits(row: Row, input: PolicyInput): boolean {
  const method = input.operation ?? (input.safe === undefined ? 'none' : input.safe ? 'reads' : 'writes');
  const pin = typeof input.pin === 'object' ? 'position' : input.pin;
  return (
    (row.forced === undefined || row.forced === voiceOf(input.forced)) &&
    (row.header === undefined || row.header === (input.header ?? 'silent')) &&
    (row.override === undefined || row.override === voiceOf(input.override)) &&
    (row.job === undefined || row.job === voiceOf(input.job)) &&
    (row.method === undefined || row.method === method || kinds[row.method]?.includes(method) === true) &&
    (row.pin === undefined || row.pin === pin || (row.pin === 'not primary' && pin !== 'primary')) &&
    (row.wrote === undefined || row.wrote === input.wrote)
  );
}

const rules: readonly (RoleRule | undefined)[] = [
  undefined,
  ...(['primary', 'replica'] as const).flatMap((role) => [
    { role },
    { role, maxLagMs: 100 },
    ...(['session', 'eventual', 'strong'] as const).map((consistency) => ({ role, consistency })),
  ]),
];

/** A job is no request, so it has no method. */
const jobs: readonly (RoleRule | undefined)[] = [
  undefined,
  { role: 'primary' },
  { role: 'replica' },
  { role: 'replica', consistency: 'eventual' },
  { role: 'replica', consistency: 'strong' },
];

const operations: readonly (OperationType | undefined)[] = [undefined, 'query', 'subscription', 'mutation'];

function* everyInput(): Generator<PolicyInput> {
  for (const forced of rules)
    for (const header of [undefined, 'primary', 'replica'] as const)
      for (const override of rules)
        for (const pin of ['none', 'primary', { position: 'P' }] as const)
          for (const wrote of [false, true])
            for (const safe of [undefined, false, true])
              for (const operation of safe === undefined ? [undefined] : operations)
                for (const job of safe === undefined ? jobs : [undefined])
                  yield { ...nothing, forced, header, override, pin, wrote, safe, operation, job };
}

/** A job for which no pin counts. */
function eventual(job: RoleRule | undefined): RoleRule | undefined {
  return voiceOf(job) === 'replica' ? undefined : job;
}

describe('the policy, as a whole', () => {
  test('every input fits exactly one row of the table, and is decided as that row says', () => {
    for (const input of everyInput()) {
      const matching = table.filter((row) => fits(row, input));
      expect(matching, JSON.stringify(input)).toHaveLength(1);
      const [role, reason, session] = matching[0]?.goes ?? [];
      const { writes, ...decision } = decide(input);
      expect({ ...decision, session: writes ? 'writer' : 'reader' }, JSON.stringify(input)).toMatchObject({
        role,
        reason,
        session,
      });
    }
  });

  test('every row of the table is reached', () => {
    const reached = new Set<Row>();
    for (const input of everyInput()) for (const row of table) if (fits(row, input)) reached.add(row);
    expect(table.filter((row) => !reached.has(row))).toEqual([]);
  });

  test('statements start on the writer only where the role is primary', () => {
    for (const input of everyInput()) {
      const { role, writes } = decide(input);
      expect(writes && role === 'replica', JSON.stringify(input)).toBe(false);
    }
  });

  test('an own write is never looked for on a replica, unless eventual consistency was asked for', () => {
    for (const input of everyInput()) {
      if (!input.wrote || decide(input).role === 'primary') continue;
      const deciding =
        input.forced ?? (input.header === undefined ? (input.override ?? input.job) : undefined);
      expect(deciding?.consistency, JSON.stringify(input)).toBe('eventual');
    }
  });

  test('a position is asked of replicas alone, and only where the pin asks for it', () => {
    for (const input of everyInput()) {
      const decision = decide(input);
      if (decision.position === undefined) continue;
      expect([decision.role, input.pin], JSON.stringify(input)).toEqual(['replica', { position: 'P' }]);
      expect(input.wrote, JSON.stringify(input)).toBe(false);
    }
  });

  test('a position is required by the pin alone; a rule that forces a replica prefers it', () => {
    for (const input of everyInput()) {
      const decision = decide(input);
      const ruled = input.forced ?? input.header ?? input.override ?? eventual(input.job);
      expect(requiresPosition(decision), JSON.stringify(input)).toBe(
        ruled === undefined && decision.position !== undefined,
      );
    }
  });

  test('a read without an own write that a pin asks something of never goes to just any replica', () => {
    for (const input of everyInput()) {
      const reads = input.operation === undefined ? input.safe === true : input.operation === 'query';
      if (!reads || input.pin === 'none') continue;
      const decision = decide(input);
      const deciding = input.forced ?? (input.header === undefined ? input.override : undefined);
      if (decision.role === 'primary' || deciding?.consistency === 'eventual') continue;
      if (input.pin === 'primary') expect(decision.reason, JSON.stringify(input)).not.toBe('method');
      else expect(decision.position, JSON.stringify(input)).toBe('P');
    }
  });

  test('the conditions of the rule that decided come with the decision, and those of no other', () => {
    const forced: RoleRule = { role: 'replica', maxLagMs: 1 };
    const override: RoleRule = { role: 'replica', maxLagMs: 2 };
    expect(decide({ ...nothing, safe: true, forced, override }).rule).toBe(forced);
    expect(decide({ ...nothing, safe: true, override }).rule).toBe(override);
    expect(decide({ ...nothing, safe: true, header: 'replica', override }).rule).toEqual({ role: 'replica' });
    expect(decide({ ...nothing, safe: true }).rule).toBeUndefined();
  });

  test('it neither changes its input nor remembers it', () => {
    for (const input of everyInput()) {
      const before = JSON.stringify(input);
      expect(decide(Object.freeze(input))).toEqual(decide({ ...input }));
      expect(JSON.stringify(input)).toBe(before);
    }
  });

  test('outside any scope is the decision of an empty input', () => {
    expect(decide(nothing)).toEqual(outsideDecision);
    expect(Object.isFrozen(outsideDecision)).toBe(true);
  });
});
