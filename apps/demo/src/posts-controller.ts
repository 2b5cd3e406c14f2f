import { UseSlave } from '@node-replicated/decorators';
import { html } from './html.js';
import type { Answer, DemoRequest } from './message.js';
import { notFound } from './not-found.js';
import { commentForm, postForm, readComment, readPost } from './post-form.js';
import { commentList, postArticle, postList, previewArticle, searchForm } from './post-pages.js';
import type { Post, PostsRepository } from './posts-repository.js';

/** The message board. Most methods leave their role to the HTTP method of the request. */
export class PostsController {
  readonly #posts: PostsRepository;

  constructor(posts: PostsRepository) {
    this.#posts = posts;
  }

  async list(): Promise<Answer> {
    const posts = await this.#posts.latest({ archived: false });
    return { kind: 'page', title: 'Posts', body: html`${postList(posts)}<h2>A new post</h2>${postForm()}` };
  }

  async show(request: DemoRequest): Promise<Answer> {
    const post = await this.#postOf(request);
    if (post === undefined) return notFound();
    const comments = await this.#posts.commentsOn(post.id);
    const body = html`${postArticle(post)}${commentList(comments)}${commentForm(post.id)}`;
    return { kind: 'page', title: post.title, body };
  }

  async create({ form }: DemoRequest): Promise<Answer> {
    const submitted = readPost(form);
    if (submitted.problems.length > 0) {
      return { kind: 'page', status: 422, title: 'A new post', body: postForm(submitted) };
    }
    return { kind: 'redirect', to: `/posts/${await this.#posts.add(submitted.values)}` };
  }

  async comment(request: DemoRequest): Promise<Answer> {
    const id = postId(request);
    const submitted = readComment(request.form);
    if (id === undefined) return notFound();
    if (submitted.problems.length > 0) {
      return { kind: 'page', status: 422, title: 'A new comment', body: commentForm(id, submitted) };
    }
    const added = await this.#posts.addComment(id, submitted.values);
    return added ? { kind: 'redirect', to: `/posts/${id}` } : notFound();
  }

  /** It comes by POST and only reads: the decorator says so. */
  @UseSlave
  async preview({ form }: DemoRequest): Promise<Answer> {
    const submitted = readPost(form);
    const { title } = submitted.values;
    const alike = title === '' ? [] : await this.#posts.holding(title);
    const body = html`${previewArticle(submitted.values)}<h2>Posts alike</h2>${postList(alike)}
<h2>Change it</h2>${postForm(submitted)}`;
    return { kind: 'page', title: 'Preview', body };
  }

  async searchForm(): Promise<Answer> {
    return { kind: 'page', title: 'Search', body: searchForm() };
  }

  /** It comes by POST and only reads: the override map says so, by the path. */
  async search({ form }: DemoRequest): Promise<Answer> {
    const words = (form.get('words') ?? '').replaceAll('\0', '').slice(0, 100);
    const found = await this.#posts.holding(words);
    return {
      kind: 'page',
      title: 'Search',
      body: html`${searchForm(words)}<h2>Found</h2>${postList(found)}`,
    };
  }

  /** Its readers want what was archived a moment ago: the override map says so, by the name of this method. */
  async archive(): Promise<Answer> {
    return { kind: 'page', title: 'Archive', body: postList(await this.#posts.latest({ archived: true })) };
  }

  async #postOf(request: DemoRequest): Promise<Post | undefined> {
    const id = postId(request);
    return id === undefined ? undefined : this.#posts.byId(id);
  }
}

/** The id in the path, where it can be one. */
export function postId({ params }: DemoRequest): number | undefined {
  const text = params.get('id') ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
