import { type Clock, systemClock } from '@node-replicated/core/cluster';
import pg from 'pg';

/** Time, and the connections of probes: what a simulation brings of its own. */
export interface World {
  readonly clock: Clock;
  readonly ProbeClient: typeof pg.Client;
}

export const realWorld: World = { clock: systemClock, ProbeClient: pg.Client };
