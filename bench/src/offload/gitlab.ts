import { barePolicy } from './bare-policy.js';
import type { Policy } from './policy.js';
import { askReplayed, PositionLookup } from './position-lookup.js';

/** GitLab's sticking: the position is in the session's store, and asked for over the application's connections. */
export const gitlab: Policy = barePolicy('GitLab: position per read', (servers) => {
  return new PositionLookup(
    servers,
    { written: () => servers.writtenLsn(), hasReplayed: askReplayed },
    false,
  );
});
