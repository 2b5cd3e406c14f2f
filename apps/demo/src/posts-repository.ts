import type { Database } from './database.js';

export interface Post {
  readonly id: number;
  readonly author: string;
  readonly title: string;
  readonly body: string;
  /** As PostgreSQL writes times in JSON. */
  readonly created: string;
  readonly archived: boolean;
  readonly comments: number;
}

export type NewPost = Pick<Post, 'author' | 'title' | 'body'>;

export interface PostComment {
  readonly author: string;
  readonly body: string;
  readonly created: string;
}

export type NewComment = Pick<PostComment, 'author' | 'body'>;

const selectPosts = `
  SELECT id, author, title, body, created, archived,
         (SELECT count(*) FROM comments WHERE comments.post = posts.id) AS comments
    FROM posts`;

/** Posts and their comments. Nothing here knows of replicas: where a statement goes is its request's business. */
export class PostsRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The newest posts. */
  latest({ archived }: Pick<Post, 'archived'>): Promise<readonly Post[]> {
    return this.#database.rows(`${selectPosts} WHERE archived = $1 ORDER BY id DESC LIMIT 30`, [archived]);
  }

  async byId(id: number): Promise<Post | undefined> {
    const [post] = await this.#database.rows<Post>(`${selectPosts} WHERE id = $1`, [id]);
    return post;
  }

  /** Posts whose title or text holds some words. */
  holding(words: string): Promise<readonly Post[]> {
    const condition = `position(lower($1) IN lower(title || ' ' || body)) > 0`;
    return this.#database.rows(`${selectPosts} WHERE ${condition} ORDER BY id DESC LIMIT 30`, [words]);
  }

  commentsOn(id: number): Promise<readonly PostComment[]> {
    const sql = 'SELECT author, body, created FROM comments WHERE post = $1 ORDER BY id LIMIT 100';
    return this.#database.rows(sql, [id]);
  }

  /** @returns the new post's id */
  async add({ author, title, body }: NewPost): Promise<number> {
    const sql = 'INSERT INTO posts (author, title, body) VALUES ($1, $2, $3) RETURNING id';
    const [row] = await this.#database.rows<Pick<Post, 'id'>>(sql, [author, title, body]);
    if (row === undefined) throw new Error('An INSERT of one row has returned none.');
    return row.id;
  }

  /** @returns whether there is such a post */
  async addComment(post: number, { author, body }: NewComment): Promise<boolean> {
    const sql = `
      INSERT INTO comments (post, author, body)
      SELECT id, $2, $3 FROM posts WHERE id = $1 RETURNING id`;
    const added = await this.#database.rows(sql, [post, author, body]);
    return added.length > 0;
  }

  /** @returns whether there is such a post */
  async setArchived(id: number, archived: boolean): Promise<boolean> {
    const sql = 'UPDATE posts SET archived = $2 WHERE id = $1 RETURNING id';
    const changed = await this.#database.rows(sql, [id, archived]);
    return changed.length > 0;
  }
}
