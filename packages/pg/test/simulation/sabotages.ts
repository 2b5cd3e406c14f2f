import type { Promised } from './judge.js';
import type { Fault } from './settings.js';

const seen: Promised = 'a client sees what it wrote, and with monotonic reads what it has seen';
const kept: Promised = "an answer to a read takes no write's pin away";
const leftBehind: Promised = 'nothing is written to a primary that the pin of its client has left behind';
const held: Promised = 'a pin holds for its time, and no longer';

/** A mechanism that is switched off, and what that breaks. */
export interface Sabotage {
  readonly what: string;
  readonly how: string;
  readonly breaks: Promised;
  /** What has to go wrong for it to be seen; undefined: anything. */
  readonly faults?: readonly Fault[];
  /** The seed to begin with, where it takes many to find one. @default 1 */
  readonly from?: number;
}

export const sabotages: readonly Sabotage[] = [
  { what: 'text', how: 'positions are compared as text', breaks: seen },
  {
    what: 'timelines',
    how: 'the timelines of positions are ignored',
    breaks: seen,
    faults: ['failover', 'lag'],
  },
  {
    what: 'parted histories',
    how: 'of two positions that cannot be compared the later one is kept',
    breaks: 'a pin never moves back',
    from: 169_172,
  },
  {
    what: 'unheard promotions',
    how: 'a pin that tells of a promotion is not believed',
    breaks: leftBehind,
    faults: ['failover', 'lag'],
  },
  {
    what: 'unheard promotions',
    how: 'a pin that tells of a promotion is not believed by reads',
    breaks: seen,
    faults: ['failover', 'lag'],
  },
  {
    what: 'nameless pins',
    how: 'a pin whose position could not be had does not name its timeline',
    breaks: seen,
    faults: ['failover', 'cut', 'slow'],
    from: 7_000,
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
    from: 8_404,
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
