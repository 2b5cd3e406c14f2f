import type { Database } from './database.js';

export interface AuthorCount {
  readonly author: string;
  readonly posts: number;
}

/** What is counted: posts, and visits. */
export class StatsRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  postsByAuthor(): Promise<readonly AuthorCount[]> {
    return this.#database.rows(
      'SELECT author, count(*) AS posts FROM posts GROUP BY author ORDER BY posts DESC, author LIMIT 30',
    );
  }

  async posts(): Promise<number> {
    const [row] = await this.#database.rows<{ readonly posts: number }>(
      'SELECT count(*) AS posts FROM posts',
    );
    return row?.posts ?? 0;
  }

  async countVisit(): Promise<void> {
    await this.#database.rows('UPDATE visits SET seen = seen + 1 RETURNING seen');
  }

  async visits(): Promise<number> {
    const [row] = await this.#database.rows<{ readonly seen: number }>('SELECT seen FROM visits');
    return row?.seen ?? 0;
  }
}
