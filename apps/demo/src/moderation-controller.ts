import { UseMaster } from '@node-replicated/decorators';
import { html } from './html.js';
import type { Answer, DemoRequest } from './message.js';
import { notFound } from './not-found.js';
import { moderationList } from './post-pages.js';
import { postId } from './posts-controller.js';
import type { PostsRepository } from './posts-repository.js';

/** Whoever decides about posts has to see them as they are: every method of this class runs on the primary. */
@UseMaster
export class ModerationController {
  readonly #posts: PostsRepository;

  constructor(posts: PostsRepository) {
    this.#posts = posts;
  }

  async queue(): Promise<Answer> {
    const posts = await this.#posts.latest({ archived: false });
    const archived = await this.#posts.latest({ archived: true });
    const body = html`${moderationList(posts)}<h2>Archived</h2>${moderationList(archived)}`;
    return { kind: 'page', title: 'Moderation', body };
  }

  async archive(request: DemoRequest): Promise<Answer> {
    return this.#setArchived(request, true);
  }

  async restore(request: DemoRequest): Promise<Answer> {
    return this.#setArchived(request, false);
  }

  async #setArchived(request: DemoRequest, archived: boolean): Promise<Answer> {
    const id = postId(request);
    const changed = id !== undefined && (await this.#posts.setArchived(id, archived));
    return changed ? { kind: 'redirect', to: '/moderation' } : notFound();
  }
}
