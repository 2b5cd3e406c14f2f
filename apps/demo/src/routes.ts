import type { Overrides } from '@node-replicated/core';
import { view } from '@node-replicated/decorators';
import { labActions } from './lab.js';
import type { LabController } from './lab-controller.js';
import type { Handler } from './message.js';
import type { ModerationController } from './moderation-controller.js';
import type { PostsController } from './posts-controller.js';
import type { StatsController } from './stats-controller.js';

/** A route, for any framework whose paths look like `/posts/:id`. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly handler: Handler;
}

export interface Controllers {
  readonly posts: PostsController;
  readonly moderation: ModerationController;
  readonly stats: StatsController;
  readonly lab: LabController;
}

/** The routes that follow neither their HTTP method nor a decorator. */
export const overrides: Overrides = {
  'POST /search': 'replica',
  '/stats/*': 'primary',
  'PostsController.archive': 'primary',
};

/** All routes of the demo. A {@link view} has a name, by which the override map may know it. */
export function routesOf({ posts, moderation, stats, lab }: Controllers): readonly Route[] {
  return [
    { method: 'GET', path: '/', handler: view(posts, 'list') },
    { method: 'POST', path: '/posts', handler: view(posts, 'create') },
    { method: 'GET', path: '/posts/:id', handler: view(posts, 'show') },
    { method: 'POST', path: '/posts/:id/comments', handler: view(posts, 'comment') },
    { method: 'POST', path: '/posts/:id/archive', handler: view(moderation, 'archive') },
    { method: 'POST', path: '/posts/:id/restore', handler: view(moderation, 'restore') },
    { method: 'POST', path: '/preview', handler: view(posts, 'preview') },
    { method: 'GET', path: '/search', handler: view(posts, 'searchForm') },
    { method: 'POST', path: '/search', handler: view(posts, 'search') },
    { method: 'GET', path: '/archive', handler: view(posts, 'archive') },
    { method: 'GET', path: '/moderation', handler: view(moderation, 'queue') },
    { method: 'GET', path: '/stats/authors', handler: view(stats, 'authors') },
    { method: 'GET', path: '/visits', handler: view(stats, 'visits') },
    { method: 'GET', path: '/status', handler: view(lab, 'status') },
    { method: 'GET', path: '/lab', handler: view(lab, 'show') },
    ...labActions.map((action): Route => {
      return { method: 'POST', path: `/lab/${action}`, handler: lab.handlerOf(action) };
    }),
  ];
}
