import { type Clock, systemClock } from '@node-replicated/core/cluster';
import pg from 'pg';

/** Time, and the connections of probes: what a simulation brings of its own. */
export interface World {
  readonly clock: Clock;
  readonly ProbeClient: typeof pg.Client;
}

class ProbeClient extends pg.Client {}

// As it was loaded: who replaces it later, to see or to fail an application's connections, does not mean this one.
Object.defineProperty(ProbeClient.prototype, 'connect', { value: pg.Client.prototype.connect });

export const realWorld: World = { clock: systemClock, ProbeClient };
