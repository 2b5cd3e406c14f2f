import { describe, expect, test, vi } from 'vitest';
import { type Sabotage, sabotages } from './sabotages.js';
import { simulate } from './simulate.js';

/**
 * What is broken just now. The mechanisms are wrapped where they are defined, so that everybody who uses them gets
 * the broken one.
 */
const broken = vi.hoisted(() => ({ what: '' }));

vi.mock('../../src/lsn.js', async (original) => {
  const actual = await original<typeof import('../../src/lsn.js')>();
  return {
    ...actual,
    endOfLastRecord: (next: bigint, fileBytes: bigint, pageBytes: bigint) =>
      broken.what === 'page headers' ? next : actual.endOfLastRecord(next, fileBytes, pageBytes),
    joinPositions: (a: string, b: string) => {
      if (broken.what !== 'parted histories') return actual.joinPositions(a, b);
      if (actual.hasReached(a, b)) return a;
      return actual.hasReached(b, a) ? b : undefined;
    },
    hasReached: (replayed: string, wanted: string) => {
      const [have, need] = [actual.parsePosition(replayed), actual.parsePosition(wanted)];
      if (have === undefined || need === undefined) return false;
      switch (broken.what) {
        case 'text':
          return have.timeline >= need.timeline && have.lsn.toString(16) >= need.lsn.toString(16);
        case 'timelines':
          return have.lsn >= need.lsn;
        default:
          return actual.hasReached(replayed, wanted);
      }
    },
  };
});

vi.mock('../../src/unheard-promotion.js', async (original) => {
  const actual = await original<typeof import('../../src/unheard-promotion.js')>();
  return {
    isOfUnheardPromotion: (...given: Parameters<typeof actual.isOfUnheardPromotion>) =>
      broken.what !== 'unheard promotions' && actual.isOfUnheardPromotion(...given),
  };
});

vi.mock('../../src/pg-cluster.js', async (original) => {
  const actual = await original<typeof import('../../src/pg-cluster.js')>();
  return {
    PgCluster: class extends actual.PgCluster {
      override get leastPosition() {
        return broken.what === 'nameless pins' ? undefined : super.leastPosition;
      }
    },
  };
});

vi.mock('../../src/probe.js', async (original) => {
  const actual = await original<typeof import('../../src/probe.js')>();
  return {
    PgProber: class extends actual.PgProber {
      #last: string | undefined;

      override async writtenPosition(ms: number): Promise<string | undefined> {
        const before = this.#last;
        this.#last = await super.writtenPosition(ms);
        return broken.what === 'early position' ? (before ?? this.#last) : this.#last;
      }
    },
  };
});

vi.mock('../../src/read-retries.js', async (original) => {
  const actual = await original<typeof import('../../src/read-retries.js')>();
  return {
    ReadRetries: class extends actual.ReadRetries {
      override next(...given: Parameters<typeof actual.ReadRetries.prototype.next>) {
        return broken.what === 'no second try' ? Promise.reject(given[1]) : super.next(...given);
      }
    },
  };
});

vi.mock('../../src/reader-choice.js', async (original) => {
  const actual = await original<typeof import('../../src/reader-choice.js')>();
  return {
    ReaderChoice: class extends actual.ReaderChoice {
      override suits(...given: Parameters<typeof actual.ReaderChoice.prototype.suits>) {
        // Who takes any replica must not look again, or it would choose for ever.
        return broken.what === 'chosen once' || broken.what === 'any replica' || super.suits(...given);
      }
    },
  };
});

vi.mock('../../src/sqlstate.js', async (original) => {
  const actual = await original<typeof import('../../src/sqlstate.js')>();
  return {
    ...actual,
    readFailure: (error: unknown) => {
      const failure = actual.readFailure(error);
      return broken.what === 'sent again' && failure === 'lost' ? 'read-only' : failure;
    },
  };
});

vi.mock('../../../core/dist/cluster/topology.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/cluster/topology.js')>();
  return {
    ...actual,
    judgeTopology: (...[previous, nodes]: Parameters<typeof actual.judgeTopology>) => {
      const forgotten = broken.what === 'back to a lower timeline' ? { ...previous, timeline: 0 } : previous;
      const topology = actual.judgeTopology(forgotten, nodes);
      const [first] = topology.splitBrain;
      return broken.what === 'split brain' && first !== undefined
        ? { ...topology, primary: first }
        : topology;
    },
  };
});

vi.mock('../../../core/dist/cluster/node-description.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/cluster/node-description.js')>();
  return {
    ...actual,
    describe: (...[previous, news]: Parameters<typeof actual.describe>) =>
      broken.what === 'states'
        ? Object.freeze({
            ...previous,
            ...news,
            state: news.state === 'connecting' ? previous.state : (news.state ?? previous.state),
          })
        : actual.describe(previous, news),
  };
});

vi.mock('../../../core/dist/cluster/selection.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/cluster/selection.js')>();
  return {
    selectReplicas: (...[replicas, need, hasReached]: Parameters<typeof actual.selectReplicas>) =>
      actual.selectReplicas(
        replicas,
        broken.what === 'any replica' ? { ...need, mustReach: false } : need,
        hasReached,
      ),
  };
});

vi.mock('../../../core/dist/pin-mark.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/pin-mark.js')>();
  return {
    ...actual,
    atLeast: (...[mark, held, join]: Parameters<typeof actual.atLeast>) =>
      broken.what === 'pins move back' ? mark : actual.atLeast(mark, held, join),
    joined: (...[held, mark]: Parameters<typeof actual.joined>) =>
      broken.what === 'late writes' ? mark : actual.joined(held, mark),
    holdMs: (...[mark, times]: Parameters<typeof actual.holdMs>) =>
      broken.what === 'unknown as known' && !actual.isSeen(mark) ? times.forMs : actual.holdMs(mark, times),
  };
});

vi.mock('../../../core/dist/pin.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/pin.js')>();
  return {
    ...actual,
    notAfter: (...[pin, now]: Parameters<typeof actual.notAfter>) =>
      broken.what === 'future times' ? pin : actual.notAfter(pin, now),
  };
});

vi.mock('../../../core/dist/pin-cookie.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/pin-cookie.js')>();
  return {
    ...actual,
    seenCookie: (...[cookie]: Parameters<typeof actual.seenCookie>) =>
      broken.what === 'one cookie' ? cookie : actual.seenCookie(cookie),
  };
});

vi.mock('../../../core/dist/pin-lineages.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/pin-lineages.js')>();
  return {
    PinLineages: class extends actual.PinLineages {
      override furthest(token: string) {
        return broken.what === 'overtaken tabs' ? undefined : super.furthest(token);
      }
    },
  };
});

vi.mock('../../../core/dist/signer.js', async (original) => {
  const actual = await original<typeof import('../../../core/src/signer.js')>();
  return {
    createSigner: (...given: Parameters<typeof actual.createSigner>) => {
      const signer = actual.createSigner(...given);
      const verify = (text: string, signature: string) =>
        broken.what === 'unsigned cookies' || signer.verify(text, signature);
      return { ...signer, verify };
    },
  };
});

const mostSchedules = 10_000;

/** The first seed whose schedule breaks a promise. */
async function firstThatBreaks({ breaks, faults, from = 1 }: Sabotage): Promise<number | undefined> {
  for (let seed = from; seed < from + mostSchedules; seed += 1) {
    const { violations } = await simulate(seed, faults === undefined ? {} : { faults });
    if (violations.some(({ promised }) => promised === breaks)) return seed;
  }
  return undefined;
}

test('what is not broken keeps its promises', async () => {
  for (let seed = 1; seed <= 100; seed += 1) expect((await simulate(seed)).violations).toEqual([]);
}, 120_000);

describe('the simulation finds out when', () => {
  test.each(sabotages)('$how', { timeout: 600_000 }, async (sabotage) => {
    broken.what = sabotage.what;
    try {
      const found = await firstThatBreaks(sabotage);
      expect(found).toBeDefined();
    } finally {
      broken.what = '';
    }
  });
});
