import { LocalClusterError } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { html } from './html.js';
import { type Lab, type LabAction, labLags } from './lab.js';
import { labForms, nodeTable, requestTable } from './lab-pages.js';
import type { Answer, DemoRequest, Handler } from './message.js';
import { notFound } from './not-found.js';
import type { RecentRequests } from './recent-requests.js';

/** What the demo shows of its cluster, and what it can do to it. */
export class LabController {
  readonly #lab: Lab;
  readonly #pool: ReplicatedPool;
  readonly #recent: RecentRequests;

  constructor(lab: Lab, pool: ReplicatedPool, recent: RecentRequests) {
    this.#lab = lab;
    this.#pool = pool;
    this.#recent = recent;
  }

  async status(): Promise<Answer> {
    return { kind: 'json', value: this.#pool.status() };
  }

  async show(): Promise<Answer> {
    const body = html`
<p>Set the replicas back, write a post, and reload the board in this browser and in a private window.</p>
${labForms(await this.#lab.replicas())}
<h2>What the pool knows</h2>${nodeTable(this.#pool.status())}
<h2>The latest requests</h2>${requestTable(this.#recent.list())}`;
    return { kind: 'page', title: 'Lab', body };
  }

  /** The handler of one action's form. */
  handlerOf(action: LabAction): Handler {
    return ({ form }) => this.#act(action, form);
  }

  async #act(action: LabAction, form: DemoRequest['form']): Promise<Answer> {
    const lagMs = Number(form.get('ms') ?? 0);
    if (!labLags.includes(lagMs)) return notFound();
    try {
      const found = await this.#lab.act(action, form.get('node') ?? '', lagMs);
      return found ? { kind: 'redirect', to: '/lab' } : notFound();
    } catch (error) {
      if (!(error instanceof LocalClusterError)) throw error;
      return { kind: 'page', status: 409, title: 'Not possible now', body: html`<p>${error.message}</p>` };
    }
  }
}
