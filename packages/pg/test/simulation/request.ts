import { ReplicationError } from '@node-replicated/core';
import { openRequest, readyToSeal, type Scope, type Seal, sealResponse } from '@node-replicated/core/adapter';
import type { NodeDescription } from '@node-replicated/core/cluster';
import { Lease } from '../../src/lease.js';
import { readCall } from '../../src/statement-call.js';
import { StatementRun } from '../../src/statement-run.js';
import { type Row, rowOf } from './answer-row.js';
import { ageOf, believed, joined, knownOf } from './browser.js';
import { tryForgeries } from './forgeries.js';
import { holdMs, judgeHold } from './judge-hold.js';
import { type Cookies, cookieNames, isBefore, readToken, type TokenFacts } from './pin-facts.js';
import { ownSystem } from './sim-database.js';
import { hiddenWriteText, readText, writeText } from './sim-protocol.js';
import { bitsOf } from './sim-server.js';
import type { Lineage, SimWorld, WebProcess, WebSide } from './web-process.js';

/** What a request does, in this order. A write that is left is not waited for. */
export type Step =
  | { readonly kind: 'read' }
  | { readonly kind: 'write' | 'hidden-write' | 'left-write'; readonly id: number };

export interface Plan {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly steps: readonly Step[];
  /** What the route's settings force. */
  readonly rule: { readonly role: 'replica'; readonly consistency?: 'eventual' } | undefined;
  /** Whether it reads through a client of `connect()`. */
  readonly leased: boolean;
  /** Whether somebody tries cookies of their own making. */
  readonly forged: boolean;
}

/** What comes back. */
export interface Reply {
  /** What the cookie says; undefined: no cookie. */
  readonly facts: TokenFacts | undefined;
  readonly maxAgeMs: number;
  readonly failed: boolean;
  /** Whether its pin kept it on the primary. */
  readonly held: boolean;
  /** Where reads were served, by server and reason. */
  readonly reads: readonly string[];
}

/** One request on its way through a web process. */
export class Request {
  readonly #world: SimWorld;
  readonly #process: WebProcess;
  readonly #web: WebSide;
  readonly #plan: Plan;
  readonly #carried: Cookies;
  /** Those of them that the process believes. */
  readonly #held: Cookies;
  readonly #known: Lineage | undefined;
  readonly #openedAt: number;
  readonly #scope: Scope;
  /** What it may not miss: acknowledged writes that were there when it came. */
  #required: number;
  /** What it wrote, and what it saw. */
  #written = 0;
  #seen = 0;
  #begun = 0;
  #failed = false;
  readonly #reads: string[] = [];

  /** @param carried what the client sends */
  constructor(world: SimWorld, process: WebProcess, plan: Plan, carried: Cookies) {
    this.#world = world;
    this.#process = process;
    this.#web = process.web;
    this.#plan = plan;
    this.#carried = carried;
    this.#openedAt = this.#web.config.now();
    this.#held = believed(carried, this.#web, this.#openedAt);
    this.#known = knownOf(this.#held, this.#web, this.#openedAt);
    this.#required = plan.rule === undefined ? (this.#known?.bits ?? 0) & world.database.kept : 0;
    this.#scope = this.#open(headerOf(carried));
    world.judge.note(
      () => `${plan.name} arrives at ${process.name} with ${headerOf(carried) ?? 'no cookie'}`,
    );
  }

  async run(): Promise<Reply> {
    if (this.#plan.forged) {
      const genuine = { header: headerOf(this.#carried), token: this.#carried.at(-1)?.token };
      tryForgeries(this.#world, genuine, (cookie) => this.#decision(cookie));
    }
    const held = this.#scope.decide('main').role === 'primary';
    if (this.#plan.method === 'GET' && this.#plan.rule === undefined) {
      const age = ageOf(this.#known?.at ?? 0, this.#openedAt);
      judgeHold(
        this.#world.judge,
        this.#plan.name,
        this.#scope.decide('main'),
        holdMs(this.#known, this.#web),
        age,
      );
    }
    for (const step of this.#plan.steps) {
      if (step.kind === 'read') await this.#read();
      else if (step.kind === 'left-write') void this.#write(step.id, writeText(step.id), true);
      else await this.#write(step.id, step.kind === 'write' ? writeText(step.id) : hiddenWriteText(step.id));
    }
    await readyToSeal(this.#scope);
    const facts = this.#judgeSeal(sealResponse(this.#scope));
    this.#world.judge.note(
      () => `${this.#plan.name} is answered with ${facts === undefined ? 'no cookie' : headerOf([facts])}`,
    );
    return { facts, maxAgeMs: this.#web.maxAgeMs, failed: this.#failed, held, reads: this.#reads };
  }

  #open(cookie: string | undefined): Scope {
    const headers = cookie === undefined ? {} : { cookie };
    const { method, rule } = this.#plan;
    return openRequest(this.#web.config, { method, path: '/', headers, secure: true, rule });
  }

  #run(text: string): Promise<Row> {
    const { context } = this.#process;
    return new Promise((resolve, reject) => {
      const call = readCall(text, undefined, undefined, context.memory);
      const done = (result: unknown): void => resolve(rowOf(result));
      new StatementRun(context, call, this.#scope, done, reject, () => undefined).start();
    });
  }

  /** The same as the only statement of a leased client. */
  #runLeased(text: string): Promise<Row> {
    const { context } = this.#process;
    return new Promise((resolve, reject) => {
      const lease = new Lease(context, {
        onBind: () => undefined,
        onUnbind: () => undefined,
        onClosed: () => undefined,
      });
      lease.run({
        call: readCall(text, undefined, undefined, context.memory),
        decision: this.#scope.decide('main'),
        session: this.#scope.session,
        durability: undefined,
        resolve: (result) => resolve(rowOf(result)),
        reject,
      });
      lease.release();
    });
  }

  async #read(): Promise<void> {
    const { judge, database, time } = this.#world;
    const { name } = this.#plan;
    const decision = this.#scope.decide('main');
    // With monotonic reads, what one replica has shown in a request no other is sure to have.
    const bound = this.#web.config.monotonicReads && this.#reads.length > 0;
    const anyReplica = decision.role === 'replica' && decision.reason === 'method' && !bound;
    const ready = this.#ableToServe(anyReplica);
    const since = time.now();
    const required = this.#required;
    try {
      const {
        visible = 0,
        server = '',
        history = 0,
        rival = false,
      } = await (this.#plan.leased ? this.#runLeased(readText) : this.#run(readText));
      this.#seen |= visible & database.kept;
      this.#reads.push(`${server}: ${this.#scope.session.uses.at(-1)?.reason}`);
      const expected = required & database.kept & ~this.#lostTo(server, history);
      const missed = rival ? 0 : expected & ~visible;
      judge.note(
        () =>
          `${name} reads ${bits(visible)} on ${server} (${decision.reason}), and may not miss ${bits(required)}`,
      );
      if (missed !== 0) {
        const how = `${name}, on ${server}, misses ${bits(missed)} (${decision.role}, ${decision.reason})`;
        judge.report('a client sees what it wrote, and with monotonic reads what it has seen', how);
      }
      if (this.#web.config.monotonicReads && this.#plan.rule === undefined) this.#required |= this.#seen;
    } catch (error) {
      this.#failed = true;
      judge.note(() => `${name} cannot read: ${error instanceof Error ? error.message : error}`);
      const able = this.#ableToServe(anyReplica).filter((node) => {
        if (!ready.includes(node)) return false;
        if (!this.#process.couldReach(this.#process.server(node), since)) return false;
        // What has to be on the primary is not sent again to one that was taken for dead under it: it may be the cause.
        return decision.role === 'replica' || !this.#process.hasLost(node, since);
      });
      // It is tried once on each node, and once more: who fails so often may be the cause.
      const isSpent = this.#process.lossesSince(since) > database.servers.length;
      if (able.length > 0 && !isSpent) {
        const how = `${name} failed, though ${able} could serve: ${error instanceof Error ? error.message : error}`;
        judge.report('a read does not fail while a node that may serve it is known to be up', how);
      }
    }
  }

  /** The newest history that the process has heard of. */
  get #heard(): number {
    return this.#process.cluster.topology.timeline;
  }

  /** The newest history that the client's pin has to name. */
  get #met(): number {
    const { history: named = 0, bits: known = 0 } = this.#known ?? {};
    return Math.max(named, this.#world.database.historyOf(known));
  }

  /**
   * The writes that a server's history has not, as a promotion took them away, or a later one has begun where they are:
   * nobody can know as long as neither the client's pin nor the process has heard of the later one.
   */
  #lostTo(name: string, history: number): number {
    const { database } = this.#world;
    if (history < Math.max(this.#met, this.#heard) || history >= database.timeline) return 0;
    const { branch } = this.#process.server(name);
    return branch.timeline === history ? ~bitsOf(branch) : 0;
  }

  /** The nodes that may serve a read, and are known to be up. */
  #ableToServe(anyReplica: boolean): readonly string[] {
    const { primary, replicas, timeline } = this.#process.cluster.topology;
    if ((this.#known?.history ?? 0) > timeline) return [];
    const nodes = anyReplica ? [primary, ...replicas] : [primary];
    const now = this.#world.time.now();
    // One that was looked at a moment ago may have come up only then.
    const isKnown = ({ state, observedAt = now }: NodeDescription): boolean =>
      state === 'up' && observedAt < now - 10;
    return nodes.filter((node) => node !== undefined && isKnown(node)).map((node) => node?.node ?? '');
  }

  async #write(id: number, text: string, left = false): Promise<void> {
    const { judge, database } = this.#world;
    const bit = 1 << id;
    if (left) this.#begun |= bit;
    try {
      const { server, history = 0 } = await this.#run(text);
      this.#written |= bit;
      if (history < this.#met) {
        const how = `${this.#plan.name} wrote ${id} on ${server}, of history ${history}, and has met ${this.#met}`;
        judge.report('nothing is written to a primary that the pin of its client has left behind', how);
      }
      if (this.#plan.rule?.consistency !== 'eventual') this.#required |= bit;
      judge.note(() => `${this.#plan.name} has written ${id}`);
    } catch (error) {
      this.#failed = true;
      judge.note(() => `${this.#plan.name} cannot write: ${error instanceof Error ? error.message : error}`);
      const doubtful = error instanceof ReplicationError && error.code === 'ERR_OUTCOME_UNKNOWN';
      const written = database.servers.some(({ branch }) =>
        branch.records.some((record) => record.bit === bit),
      );
      if (!doubtful) this.#begun &= ~bit;
      if (!doubtful && written) {
        const how = `write ${id}: ${error instanceof Error ? error.message : error}`;
        judge.report('an error that is no doubt means that nothing was written', how);
      }
    }
  }

  /** What the client's token has to say from now on, worked out from what has happened. */
  #judgeSeal(seal: Seal | undefined): TokenFacts | undefined {
    const { judge } = this.#world;
    const { name: visit } = this.#plan;
    const [, cookie, token] = /^(\w+)=([^;]*)/.exec(seal?.cookie ?? '') ?? [];
    const name = cookieNames.find((each) => each === cookie);
    const wrote = this.#written | this.#begun;
    if (wrote !== 0 && name !== cookieOfWrites) judge.report('a response to a write pins its client', visit);
    if (name === undefined || token === undefined) return undefined;
    if (name === cookieOfWrites && this.#plan.steps.every(({ kind }) => kind === 'read')) {
      judge.report("an answer to a read takes no write's pin away", visit);
    }
    if (token.length > 200) judge.report('a token is at most 200 bytes long', token);
    const said = readToken(token);
    const now = Math.floor(this.#web.config.now());
    const foreign = said.system !== undefined && said.system !== systemText;
    if (wrote !== 0 && said.at < now)
      judge.report('a response to a write pins its client', `${visit}: too early`);
    const seen = this.#web.config.monotonicReads ? this.#seen : 0;
    const { lineages } = this.#web;
    const lines = this.#held.map((held) => lineages.get(held.token)).filter((line) => line !== undefined);
    const lineage = lines[0] ?? { bits: 0, at: 0, mark: 'seen', history: 0 };
    for (const line of lines) Object.assign(lineage, joined(lineage, line));
    const facts: TokenFacts = {
      ...said,
      history: foreign ? 0 : said.timeline,
      token,
      cookie: name,
      bits: foreign ? 0 : (this.#known?.bits ?? 0) | lineage.bits | wrote | seen,
    };
    this.#world.database.noteLate(this.#begun & ~this.#written, Math.max(facts.history, this.#heard));
    for (const held of this.#held) {
      if (!isBefore(facts, held)) continue;
      judge.report(
        'a pin never moves back',
        `${visit}: ${facts.timeline}/${facts.lsn} after ${held.timeline}/${held.lsn}`,
      );
    }
    // The clock may have jumped back since the request came.
    if (said.at > Math.max(now, Math.floor(this.#openedAt), lineage.at)) {
      judge.report(
        'a pin holds for its time, and no longer',
        `${visit}: its time begins at ${said.at}, not ${now}`,
      );
    }
    Object.assign(lineage, joined(lineage, facts));
    for (const held of [...this.#held, facts]) lineages.set(held.token, lineage);
    return facts;
  }

  #decision(cookie: string | undefined): string {
    return JSON.stringify(this.#open(cookie).decide('main'));
  }
}

const [cookieOfWrites] = cookieNames;

/** The header that a client sends its cookies in. */
function headerOf(cookies: Cookies): string | undefined {
  if (cookies.length === 0) return undefined;
  return cookies.map(({ cookie, token }) => `${cookie}=${token}`).join('; ');
}

/** How a position names the cluster. */
const systemText = BigInt(ownSystem).toString(36);

function bits(set: number): string {
  const names = [];
  for (let id = 0; id < 31; id += 1) if ((set & (1 << id)) !== 0) names.push(id);
  return `{${names.join(' ')}}`;
}
