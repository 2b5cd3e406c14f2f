import type { SimConnection } from './sim-connection.js';

/** A record of the log. */
export interface LogRecord {
  /** One bit for each write of a schedule; 0 for what nobody of ours has written. */
  readonly bit: number;
  /** Where it ends in the log. */
  readonly end: bigint;
  /** The timeline that it was written on. */
  readonly timeline: number;
}

/** The history of one timeline: it begins with what it has in common with the one that it branched off. */
export interface Branch {
  readonly timeline: number;
  readonly records: LogRecord[];
  /** Whether it was begun without a promotion, so that another history has the same number. */
  readonly rival: boolean;
}

/** A database server, as it really is. */
export class SimServer {
  readonly name: string;
  system: string;
  up = true;
  upSince = 0;
  /** When it was stopped. */
  readonly stops: number[] = [];
  /** Counts how often it was stopped, promoted or rebuilt: what was on its way to it before then is lost. */
  life = 0;
  standby: boolean;
  branch: Branch;
  /** How many records of its branch it holds, and how many of them it shows. */
  received: number;
  replayed: number;
  follows: SimServer | undefined;
  paused = false;
  /** ms until a record arrives, and until it is replayed after that. */
  transitMs = 1;
  lagMs = 5;
  readonly connections = new Set<SimConnection>();
  /** Commits that wait for a standby. */
  waiting: { readonly count: number; readonly done: () => void }[] = [];

  constructor(name: string, system: string, branch: Branch, standby: boolean) {
    this.name = name;
    this.system = system;
    this.branch = branch;
    this.standby = standby;
    this.received = branch.records.length;
    this.replayed = branch.records.length;
  }

  /** The writes that a statement sees here. */
  get visible(): number {
    return bitsOf(this.branch, this.replayed);
  }

  /** Where the last record that it shows ends. */
  get end(): bigint {
    return this.branch.records[this.replayed - 1]?.end ?? 0n;
  }
}

/** The writes among the first records of a branch. */
export function bitsOf({ records }: Branch, count = records.length): number {
  let bits = 0;
  for (let index = 0; index < count; index += 1) bits |= records[index]?.bit ?? 0;
  return bits;
}
