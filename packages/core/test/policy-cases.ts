import type { PolicyInput, Reason } from '../src/policy.js';
import type { Role } from '../src/role.js';

/** One case of the policy. What a case does not mention is absent: no rule, no pin, no write, outside a request. */
export interface PolicyCase {
  readonly name: string;
  readonly given: Partial<PolicyInput>;
  readonly expected: {
    readonly role: Role;
    readonly reason: Reason;
    readonly writes: boolean;
    readonly position?: string | undefined;
    readonly pinned?: string | undefined;
  };
}

/** The policy by example. Add a case here to specify it further. */
export const policyCases: readonly PolicyCase[] = [
  {
    name: 'a script runs on the primary and may write',
    given: {},
    expected: { role: 'primary', reason: 'outside', writes: true },
  },
  {
    name: 'a reading method goes to a replica',
    given: { safe: true },
    expected: { role: 'replica', reason: 'method', writes: false },
  },
  {
    name: 'a writing method goes to the primary',
    given: { safe: false },
    expected: { role: 'primary', reason: 'method', writes: true },
  },
  {
    name: 'a pinned client reads on the primary, on a reader',
    given: { safe: true, pin: 'primary' },
    expected: { role: 'primary', reason: 'pin', writes: false },
  },
  {
    name: 'a pin concerns reads: a writing method still starts on the writer',
    given: { safe: false, pin: 'primary' },
    expected: { role: 'primary', reason: 'method', writes: true },
  },
  {
    name: 'a reading request that has written reads its own write',
    given: { safe: true, wrote: true },
    expected: { role: 'primary', reason: 'own-write', writes: false },
  },
  {
    name: 'a pin is named before an own write',
    given: { safe: true, pin: 'primary', wrote: true },
    expected: { role: 'primary', reason: 'pin', writes: false },
  },
  {
    name: 'a client whose pin asks for a position reads on a replica that has reached it',
    given: { safe: true, pin: { position: 'P' } },
    expected: { role: 'replica', reason: 'caught-up', writes: false, position: 'P' },
  },
  {
    name: 'a position concerns reads: a writing method still starts on the writer',
    given: { safe: false, pin: { position: 'P' } },
    expected: { role: 'primary', reason: 'method', writes: true, position: undefined },
  },
  {
    name: "wherever statements go, the decision says what the client's pin names",
    given: { safe: false, pin: 'primary', pinned: 'P' },
    expected: { role: 'primary', reason: 'method', writes: true, pinned: 'P' },
  },
  {
    name: 'an own write is later than the position of any pin',
    given: { safe: true, pin: { position: 'P' }, wrote: true },
    expected: { role: 'primary', reason: 'own-write', writes: false, position: undefined },
  },
  {
    name: 'a forced replica prefers the position of a pin, and stays on replicas',
    given: { safe: true, pin: { position: 'P' }, forced: { role: 'replica' } },
    expected: { role: 'replica', reason: 'forced', writes: false, position: 'P' },
  },
  {
    name: 'eventual consistency asks for no position',
    given: { safe: true, pin: { position: 'P' }, override: { role: 'replica', consistency: 'eventual' } },
    expected: { role: 'replica', reason: 'override', writes: false, position: undefined },
  },
  {
    name: 'the primary needs no position',
    given: { safe: true, pin: { position: 'P' }, forced: { role: 'primary' } },
    expected: { role: 'primary', reason: 'forced', writes: false, position: undefined },
  },
  {
    name: 'strong consistency needs no position',
    given: {
      safe: true,
      pin: { position: 'P' },
      header: 'replica',
      forced: { role: 'replica', consistency: 'strong' },
    },
    expected: { role: 'primary', reason: 'forced', writes: false, position: undefined },
  },
  {
    name: 'an override beats the method',
    given: { safe: false, override: { role: 'replica' } },
    expected: { role: 'replica', reason: 'override', writes: false },
  },
  {
    name: 'an override beats the pin',
    given: { safe: true, pin: 'primary', override: { role: 'replica' } },
    expected: { role: 'replica', reason: 'override', writes: false },
  },
  {
    name: 'the trusted header beats an override',
    given: { safe: true, header: 'primary', override: { role: 'replica' } },
    expected: { role: 'primary', reason: 'header', writes: false },
  },
  {
    name: 'a decorator beats the trusted header',
    given: { safe: true, forced: { role: 'replica' }, header: 'primary' },
    expected: { role: 'replica', reason: 'forced', writes: false },
  },
  {
    name: 'the primary forced on a reading method starts on a reader, so that reading alone pins nobody',
    given: { safe: true, forced: { role: 'primary' } },
    expected: { role: 'primary', reason: 'forced', writes: false },
  },
  {
    name: 'the primary forced on a writing method starts on the writer',
    given: { safe: false, forced: { role: 'primary' } },
    expected: { role: 'primary', reason: 'forced', writes: true },
  },
  {
    name: 'a job in role replica reads on a replica',
    given: { job: { role: 'replica' } },
    expected: { role: 'replica', reason: 'job', writes: false },
  },
  {
    name: 'a job in role replica reads its own write',
    given: { job: { role: 'replica' }, wrote: true },
    expected: { role: 'primary', reason: 'own-write', writes: false },
  },
  {
    name: 'usePrimary() inside a job beats its role',
    given: { job: { role: 'replica' }, forced: { role: 'primary' } },
    expected: { role: 'primary', reason: 'forced', writes: true },
  },
  {
    name: 'eventual consistency stays on a replica after an own write',
    given: { safe: true, wrote: true, forced: { role: 'replica', consistency: 'eventual' } },
    expected: { role: 'replica', reason: 'forced', writes: false },
  },
  {
    name: 'session consistency is what a bare rule means',
    given: { safe: true, wrote: true, forced: { role: 'replica', consistency: 'session' } },
    expected: { role: 'primary', reason: 'own-write', writes: false },
  },
  {
    name: 'strong consistency reads on the primary',
    given: { safe: true, forced: { role: 'replica', consistency: 'strong' } },
    expected: { role: 'primary', reason: 'forced', writes: false },
  },
  {
    name: 'strong consistency asks for a read, also under a writing method',
    given: { safe: false, override: { role: 'replica', consistency: 'strong' } },
    expected: { role: 'primary', reason: 'override', writes: false },
  },
  {
    name: 'the header stands for a bare rule, so an own write is read on the primary',
    given: { safe: true, wrote: true, header: 'replica' },
    expected: { role: 'primary', reason: 'own-write', writes: false },
  },
  {
    name: 'a GraphQL query goes to a replica, although it is sent by POST',
    given: { safe: false, operation: 'query' },
    expected: { role: 'replica', reason: 'operation', writes: false },
  },
  {
    name: 'a query of a client that has written sees that',
    given: { safe: false, operation: 'query', pin: { position: 'P' } },
    expected: { role: 'replica', reason: 'caught-up', writes: false, position: 'P' },
  },
  {
    name: 'a mutation goes to the primary, although it is sent by GET',
    given: { safe: true, operation: 'mutation' },
    expected: { role: 'primary', reason: 'operation', writes: true },
  },
  {
    name: 'a subscription reads on the primary what has just been written, and pins nobody by that',
    given: { safe: false, operation: 'subscription' },
    expected: { role: 'primary', reason: 'operation', writes: false },
  },
  {
    name: 'the primary forced on a query starts on a reader, as on a reading method',
    given: { safe: false, operation: 'query', forced: { role: 'primary' } },
    expected: { role: 'primary', reason: 'forced', writes: false },
  },
  {
    name: 'an override beats the operation',
    given: { safe: false, operation: 'mutation', override: { role: 'replica' } },
    expected: { role: 'replica', reason: 'override', writes: false },
  },
];
