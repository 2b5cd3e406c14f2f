import type { Prober } from '../../src/cluster/monitor.js';
import type { NodeDescription, NodeFailure, Observation } from '../../src/cluster/node-description.js';
import { unknownNode } from '../../src/cluster/node-description.js';

/** What a healthy node would show, unless told otherwise. */
export function observed(news: Partial<Observation> = {}): Observation {
  return {
    role: 'replica',
    position: '0',
    timeline: 1,
    systemIdentifier: 'ours',
    streaming: true,
    ...news,
  };
}

/** A node as its monitor describes it: up, unless told otherwise. */
export function described(node: string, news: Partial<NodeDescription> = {}): NodeDescription {
  return Object.freeze({ ...unknownNode(node), ...observed(), state: 'up' as const, ...news });
}

/** Positions of these tests are numbers in words. */
export function hasReached(replayed: string, wanted: string): boolean {
  return Number(replayed) >= Number(wanted);
}

/** An error of a probe whose meaning is known. */
export class ProbeError extends Error {
  readonly failure: NodeFailure;

  constructor(failure: NodeFailure) {
    super(`the node is ${failure}`);
    this.failure = failure;
  }
}

/** A node that shows what the test wants. */
export class FakeNode implements Prober {
  /** What the next probes see: an observation, an error, or nothing until they are given up. */
  shows: Observation | Error | 'silence';
  probes = 0;
  givenUp = 0;
  /** How many probes were under way at the same time, at most. */
  mostAtOnce = 0;
  renewals = 0;
  closed = false;
  #underWay = 0;

  constructor(shows: Observation | Error | 'silence' = observed()) {
    this.shows = shows;
  }

  async observe(signal: AbortSignal): Promise<Observation> {
    this.probes += 1;
    this.#underWay += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay);
    try {
      const { shows } = this;
      if (shows === 'silence') return await this.#silence(signal);
      await null;
      if (shows instanceof Error) throw shows;
      return shows;
    } finally {
      this.#underWay -= 1;
    }
  }

  failureOf(error: unknown): NodeFailure {
    return error instanceof ProbeError ? error.failure : 'no-answer';
  }

  renew(): void {
    this.renewals += 1;
  }

  close(): void {
    this.closed = true;
  }

  #silence(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        this.givenUp += 1;
        reject(signal.reason);
      });
    });
  }
}
