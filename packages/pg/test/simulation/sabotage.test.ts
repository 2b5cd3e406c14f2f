import { describe, expect, test, vi } from 'vitest';
import type { Promised } from './judge.js';
import type { Fault } from './settings.js';
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
    atLeast: (...[mark, held, hasReached]: Parameters<typeof actual.atLeast>) =>
      broken.what === 'pins move back' ? mark : actual.atLeast(mark, held, hasReached),
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

const seen: Promised = 'a client sees what it wrote, and with monotonic reads what it has seen';
const kept: Promised = "an answer to a read takes no write's pin away";
const held: Promised = 'a pin holds for its time, and no longer';

interface Sabotage {
  readonly what: string;
  readonly how: string;
  readonly breaks: Promised;
  /** What has to go wrong for it to be seen; undefined: anything. */
  readonly faults?: readonly Fault[];
}

const sabotages: readonly Sabotage[] = [
  { what: 'text', how: 'positions are compared as text', breaks: seen },
  {
    what: 'timelines',
    how: 'the timelines of positions are ignored',
    breaks: seen,
    faults: ['failover', 'lag'],
  },
  { what: 'early position', how: 'a position that was taken before the commit is used', breaks: seen },
  { what: 'any replica', how: 'a replica that has not caught up is better than none', breaks: seen },
  {
    what: 'late writes',
    how: 'a known position hides a write that is still under way',
    breaks: held,
    faults: ['slow', 'lag'],
  },
  {
    what: 'unknown as known',
    how: 'a write of unknown position holds no longer than others',
    breaks: held,
    faults: ['slow', 'clock'],
  },
  { what: 'future times', how: 'times in the future are believed', breaks: held },
  { what: 'overtaken tabs', how: 'tokens that a process made for other tabs are forgotten', breaks: seen },
  {
    what: 'chosen once',
    how: 'a replica that restarts while a read waits for it is kept',
    breaks: seen,
    faults: ['foreign', 'slow'],
  },
  { what: 'one cookie', how: 'what was only read has no cookie of its own', breaks: kept },
  { what: 'pins move back', how: 'the position that comes last is kept', breaks: 'a pin never moves back' },
  {
    what: 'unsigned cookies',
    how: 'signatures are not looked at',
    breaks: 'a cookie that nobody signed changes nothing',
  },
  {
    what: 'back to a lower timeline',
    how: 'the highest timeline is forgotten',
    breaks: 'a lower timeline is never returned to',
  },
  { what: 'split brain', how: 'of two primaries the first is taken', breaks: 'a split brain has no primary' },
  {
    what: 'states',
    how: 'a node that is down comes up at once',
    breaks: 'a node changes its state by legal moves alone',
  },
  {
    what: 'sent again',
    how: 'a write whose connection was lost is sent again',
    faults: ['failover', 'cut', 'slow'],
    breaks: 'a write is carried out once at most',
  },
  {
    what: 'no second try',
    how: 'a read that fails on a node is not tried elsewhere',
    breaks: 'a read does not fail while a node that may serve it is known to be up',
  },
  {
    what: 'page headers',
    how: 'the header of a page that is still to come counts as written',
    breaks: 'once all is well, replicas serve again',
  },
];

const mostSchedules = 10_000;

/** The first seed whose schedule breaks a promise. */
async function firstThatBreaks({ breaks, faults }: Sabotage): Promise<number | undefined> {
  for (let seed = 1; seed <= mostSchedules; seed += 1) {
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
