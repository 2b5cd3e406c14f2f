import { Browser } from './browser.js';
import { faultEvents } from './faults.js';
import { type Plan, type Reply, Request, type Step } from './request.js';
import type { SimWorld, WebProcess } from './web-process.js';

/** The most writes of a schedule: each has a bit of a whole number. */
const mostWrites = 30;

const ways: ['write', 'write', 'write', 'left-write'] = ['write', 'write', 'write', 'left-write'];

/** What happens in a schedule: visitors, and what goes wrong. */
export class Schedule {
  readonly #world: SimWorld;
  readonly #processes: readonly [WebProcess, ...WebProcess[]];
  readonly #browsers: readonly [Browser, ...Browser[]];
  #requests = 0;
  #writes = 0;
  readonly #underWay = new Set<string>();

  constructor(world: SimWorld, processes: readonly [WebProcess, ...WebProcess[]]) {
    this.#world = world;
    this.#processes = processes;
    const others = Array.from(
      { length: world.settings.browsers - 1 },
      (_, index) => new Browser(`v${index + 2}`),
    );
    this.#browsers = [new Browser('v1'), ...others];
  }

  /** Requests whose response has not left. */
  get underWay(): readonly string[] {
    return [...this.#underWay];
  }

  /** Puts everything that is decided beforehand into the time to come. */
  prepare(): void {
    const { random, time, settings } = this.#world;
    const faults = faultEvents(this.#world, this.#processes);
    for (let event = 0; event < settings.events; event += 1) {
      const at = random.next() * settings.durationMs;
      const fault = random.chance(0.35) ? random.anyOf(faults) : undefined;
      if (fault === undefined) time.after(at, () => this.#visit(random.pick(this.#browsers)));
      else time.after(at, fault);
    }
  }

  /** Once all is well, everybody comes once more, and expects to be served by replicas. */
  visitAgain(): void {
    for (const browser of this.#browsers) {
      for (const process of this.#processes) {
        const plan = this.#plan(browser, 'GET', [{ kind: 'read' }]);
        this.#send(browser, process, plan, (reply) => this.#judgeLast(plan.name, process, reply));
      }
    }
  }

  #visit(browser: Browser): void {
    const { random } = this.#world;
    const writes = random.chance(0.4);
    this.#send(
      browser,
      random.pick(this.#processes),
      this.#plan(browser, writes ? 'POST' : 'GET', this.#steps(writes)),
      () => {
        // A form is followed by the page that shows what it has done.
        if (!random.chance(writes ? 0.7 : 0.3)) return;
        this.#world.time.after(random.whole(0, 60), () => {
          const plan = this.#plan(browser, 'GET', [{ kind: 'read' }]);
          this.#send(browser, random.pick(this.#processes), plan, () => undefined);
        });
      },
    );
  }

  #steps(writes: boolean): readonly Step[] {
    const { random } = this.#world;
    const steps: Step[] = [{ kind: 'read' }];
    if (random.chance(0.2)) steps.push({ kind: 'read' });
    if (!writes && random.chance(0.9)) return steps;
    if (this.#writes >= mostWrites) return steps;
    const kind = writes ? random.pick(ways) : 'hidden-write';
    const step: Step = { kind, id: this.#writes };
    this.#writes += 1;
    return random.chance(0.5) ? [step, ...steps] : [...steps, step];
  }

  #plan(browser: Browser, method: Plan['method'], steps: readonly Step[]): Plan {
    const { random } = this.#world;
    this.#requests += 1;
    const name = `${browser.name} ${method} ${this.#requests}`;
    const consistency = random.chance(0.5) ? ({ consistency: 'eventual' } as const) : {};
    const rule = random.chance(0.06) ? { role: 'replica' as const, ...consistency } : undefined;
    return { name, method, steps, rule, leased: this.#requests % 3 === 0, forged: random.chance(0.05) };
  }

  #send(browser: Browser, process: WebProcess, plan: Plan, then: (reply: Reply) => void): void {
    const { time, random } = this.#world;
    const carried = browser.cookies(time.now());
    const transit = (): number => (random.chance(0.1) ? random.whole(10, 300) : 1 + random.next());
    this.#underWay.add(plan.name);
    time.after(transit(), () => {
      const served = new Request(this.#world, process, plan, carried).run();
      void served.then((reply) => {
        this.#underWay.delete(plan.name);
        const expiresAt = Math.ceil(reply.maxAgeMs / 1_000) * 1_000;
        time.after(transit(), () => {
          if (reply.facts !== undefined) browser.keep(reply.facts, time.now() + expiresAt);
          then(reply);
        });
      });
    });
  }

  #judgeLast(name: string, process: WebProcess, { failed, held, reads }: Reply): void {
    const { judge, settings, database } = this.#world;
    const { replicas } = process.cluster.topology;
    const byReplica = reads.every((read) => replicas.some(({ node }) => read.startsWith(`${node}:`)));
    if (failed || (!held && !byReplica && !database.diverged)) {
      const how = `${name} at ${process.name}: ${failed ? 'failed' : reads}, of ${settings.servers} servers`;
      judge.report('once all is well, replicas serve again', how);
    }
  }
}
