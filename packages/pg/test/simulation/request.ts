import { ReplicationError } from '@node-replicated/core';
import { openRequest, readyToSeal, type Scope, type Seal, sealResponse } from '@node-replicated/core/adapter';
import { readCall } from '../../src/statement-call.js';
import { StatementRun } from '../../src/statement-run.js';
import { ageOf, knownOf, longest } from './browser.js';
import { forgeries } from './forgeries.js';
import { isBefore, readToken, type TokenFacts } from './pin-facts.js';
import { ownSystem } from './sim-database.js';
import { hiddenWriteText, readText, writeText } from './sim-protocol.js';
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
  readonly #carried: TokenFacts | undefined;
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

  /** @param carried the token that the client sends */
  constructor(world: SimWorld, process: WebProcess, plan: Plan, carried: TokenFacts | undefined) {
    this.#world = world;
    this.#process = process;
    this.#web = process.web;
    this.#plan = plan;
    this.#carried = carried;
    this.#openedAt = this.#web.config.now();
    this.#known = knownOf(carried, this.#web, this.#openedAt);
    this.#required = plan.rule === undefined ? (this.#known?.bits ?? 0) & world.database.kept : 0;
    this.#scope = this.#open(this.#cookies(carried?.token));
    world.judge.note(() => `${plan.name} arrives at ${process.name} with ${carried?.token ?? 'no token'}`);
  }

  async run(): Promise<Reply> {
    if (this.#plan.forged) this.#tryForgeries();
    const held = this.#scope.decide('main').role === 'primary';
    this.#judgeHold();
    for (const step of this.#plan.steps) {
      if (step.kind === 'read') await this.#read();
      else if (step.kind === 'left-write') void this.#write(step.id, writeText(step.id), true);
      else await this.#write(step.id, step.kind === 'write' ? writeText(step.id) : hiddenWriteText(step.id));
    }
    await readyToSeal(this.#scope);
    const facts = this.#judgeSeal(sealResponse(this.#scope));
    this.#world.judge.note(() => `${this.#plan.name} is answered with ${facts?.token ?? 'no token'}`);
    return { facts, maxAgeMs: this.#web.maxAgeMs, failed: this.#failed, held, reads: this.#reads };
  }

  #open(cookie: string | undefined): Scope {
    const headers = cookie === undefined ? {} : { cookie };
    const { method, rule } = this.#plan;
    return openRequest(this.#web.config, { method, path: '/', headers, secure: true }, rule);
  }

  #cookies(...tokens: (string | undefined)[]): string | undefined {
    const cookies = tokens.filter((token) => token !== undefined).map((token) => `replication_pin=${token}`);
    return cookies.length === 0 ? undefined : cookies.join('; ');
  }

  #run(text: string): Promise<Row> {
    const { context } = this.#process;
    return new Promise((resolve, reject) => {
      const call = readCall(text, undefined, undefined, context.memory);
      const done = (result: unknown): void => resolve(rowOf(result));
      new StatementRun(context, call, this.#scope, done, reject, () => undefined).start();
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
      const { visible = 0, server = '' } = await this.#run(readText);
      this.#seen |= visible & database.kept;
      this.#reads.push(`${server}: ${this.#scope.session.uses.at(-1)?.reason}`);
      const missed = this.#process.mayBeBehind ? 0 : required & database.kept & ~visible;
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
      const able = this.#ableToServe(anyReplica).filter(
        (node) =>
          ready.includes(node) &&
          !judge.wasGivenUp(node, since) &&
          this.#process.couldReach(this.#process.server(node), since),
      );
      if (able.length > 0) {
        const how = `${name} failed, though ${able} could serve: ${error instanceof Error ? error.message : error}`;
        judge.report('a read does not fail while a node that may serve it is known to be up', how);
      }
    }
  }

  /** The nodes that may serve a read, and are known to be up. */
  #ableToServe(anyReplica: boolean): readonly string[] {
    const { primary, replicas } = this.#process.cluster.topology;
    const nodes = anyReplica ? [primary, ...replicas] : [primary];
    return nodes.filter((node) => node?.state === 'up').map((node) => node?.node ?? '');
  }

  async #write(id: number, text: string, left = false): Promise<void> {
    const { judge, database } = this.#world;
    const bit = 1 << id;
    if (left) this.#begun |= bit;
    try {
      await this.#run(text);
      this.#written |= bit;
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
    const { name } = this.#plan;
    const token = /^replication_pin=([^;]*)/.exec(seal?.cookie ?? '')?.[1];
    const wrote = this.#written | this.#begun;
    if (token === undefined) {
      if (wrote !== 0) judge.report('a response to a write pins its client', name);
      return undefined;
    }
    if (token.length > 200) judge.report('a token is at most 200 bytes long', token);
    const said = readToken(token);
    const now = Math.floor(this.#web.config.now());
    const known = this.#known;
    const held = known === undefined ? undefined : this.#carried;
    const foreign = said.system !== undefined && said.system !== systemText;
    if (wrote !== 0 && said.at < now)
      judge.report('a response to a write pins its client', `${name}: too early`);
    const seen = this.#web.config.monotonicReads ? this.#seen : 0;
    const lineage = this.#web.lineages.get(held?.token ?? '') ?? { bits: 0, at: 0, mark: 'seen' };
    const facts: TokenFacts = {
      ...said,
      token,
      bits: foreign ? 0 : (known?.bits ?? 0) | lineage.bits | wrote | seen,
    };
    if (held !== undefined && !this.#process.mayBeBehind && isBefore(facts, held)) {
      judge.report(
        'a pin never moves back',
        `${name}: ${facts.timeline}/${facts.lsn} after ${held.timeline}/${held.lsn}`,
      );
    }
    lineage.bits |= facts.bits;
    lineage.at = Math.max(lineage.at, facts.at);
    lineage.mark = longest(lineage.mark, facts.mark);
    if (held !== undefined) this.#web.lineages.set(held.token, lineage);
    this.#web.lineages.set(token, lineage);
    return facts;
  }

  /** The GET that follows a POST reads on the primary for the pin's time; and not for longer. */
  #judgeHold(): void {
    const { method, rule, name } = this.#plan;
    if (method !== 'GET' || rule !== undefined) return;
    const { role, reason } = this.#scope.decide('main');
    const { forMs, maxAgeMs } = this.#web;
    const known = this.#known;
    const holdMs = known === undefined ? 0 : { unknown: maxAgeMs, position: forMs, seen: 0 }[known.mark];
    const age = ageOf(known?.at ?? 0, this.#openedAt);
    const held = age < holdMs;
    if (held && role !== 'primary') {
      this.#world.judge.report(
        'a pin holds for its time, and no longer',
        `${name} reads on a replica after ${age} ms`,
      );
    }
    if (!held && reason === 'pin') {
      this.#world.judge.report(
        'a pin holds for its time, and no longer',
        `${name} is held after ${age} of ${holdMs} ms`,
      );
    }
  }

  #tryForgeries(): void {
    const genuine = this.#carried?.token;
    const { judge, random } = this.#world;
    const usual = [this.#decision(undefined), this.#decision(this.#cookies(genuine))];
    for (const forged of forgeries(genuine, random)) {
      const now = [this.#decision(this.#cookies(forged)), this.#decision(this.#cookies(forged, genuine))];
      if (now[0] !== usual[0] || now[1] !== usual[1]) {
        judge.report('a cookie that nobody signed changes nothing', `${forged}: ${now} instead of ${usual}`);
      }
    }
  }

  #decision(cookie: string | undefined): string {
    return JSON.stringify(this.#open(cookie).decide('main'));
  }
}

/** How a position names the cluster. */
const systemText = BigInt(ownSystem).toString(36);

interface Row {
  readonly visible?: number;
  readonly server?: string;
}

function rowOf(result: unknown): Row {
  if (typeof result !== 'object' || result === null || !('rows' in result)) return {};
  return Array.isArray(result.rows) ? result.rows[0] : {};
}

function bits(set: number): string {
  const names = [];
  for (let id = 0; id < 31; id += 1) if ((set & (1 << id)) !== 0) names.push(id);
  return `{${names.join(' ')}}`;
}
