import { primaryOnly, randomReplica } from './fixed-policies.js';
import { gitlab } from './gitlab.js';
import { oracle } from './oracle.js';
import type { Policy } from './policy.js';
import { monotonic, pinnedForSeconds, released } from './routed-policy.js';
import { singleUseCookie } from './single-use-cookie.js';
import { timePolicies } from './time-after-write.js';

/** All that are compared, in the order of the table: next to each other those that are judged by each other. */
export const policies: readonly Policy[] = [
  primaryOnly,
  randomReplica,
  singleUseCookie,
  ...timePolicies,
  gitlab,
  pinnedForSeconds,
  monotonic,
  released,
  oracle,
];
