import { html } from './html.js';
import type { Answer } from './message.js';
import type { StatsRepository } from './stats-repository.js';

export class StatsController {
  readonly #stats: StatsRepository;

  constructor(stats: StatsRepository) {
    this.#stats = stats;
  }

  async authors(): Promise<Answer> {
    const authors = await this.#stats.postsByAuthor();
    const rows = authors.map(({ author, posts }) => html`<tr><td>${author}</td><td>${posts}</td></tr>`);
    return {
      kind: 'page',
      title: 'Posts by author',
      body: html`<table><thead><tr><th>author</th><th>posts</th></tr></thead><tbody>${rows}</tbody></table>`,
    };
  }

  /** A GET that writes. What it reads before may come from a replica; what it reads after, it must see. */
  async visits(): Promise<Answer> {
    const posts = await this.#stats.posts();
    await this.#stats.countVisit();
    const visits = await this.#stats.visits();
    return {
      kind: 'page',
      title: 'Visits',
      body: html`<p>This page was visited ${visits} times. The board has ${posts} posts.</p>`,
    };
  }
}
