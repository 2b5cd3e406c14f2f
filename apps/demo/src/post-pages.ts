import { type Html, html } from './html.js';
import type { NewPost, Post, PostComment } from './posts-repository.js';

/** A list of posts with links to them. */
export function postList(posts: readonly Post[]): Html {
  if (posts.length === 0) return html`<p>There are none.</p>`;
  return html`<ul class="posts">${posts.map(
    (post) => html`
  <li><a href="/posts/${post.id}">${post.title}</a>
    <small>by ${post.author}, ${time(post.created)}, ${counted(post.comments, 'comment')}</small></li>`,
  )}
</ul>`;
}

export function postArticle(post: Post): Html {
  return html`<article>
  <p><small>by ${post.author}, ${time(post.created)}${post.archived ? ', archived' : ''}</small></p>
  <p class="text">${post.body}</p>
</article>`;
}

export function commentList(comments: readonly PostComment[]): Html {
  return html`<h2>${counted(comments.length, 'comment')}</h2>
${comments.map(
  ({ author, body, created }) => html`<article class="comment">
  <p><small>${author}, ${time(created)}</small></p>
  <p class="text">${body}</p>
</article>
`,
)}`;
}

export function previewArticle({ author, title, body }: NewPost): Html {
  return html`<article>
  <h2>${title}</h2>
  <p><small>by ${author}</small></p>
  <p class="text">${body}</p>
</article>`;
}

/** A list of posts, each with a button that moves it to the archive or back. */
export function moderationList(posts: readonly Post[]): Html {
  return html`<ul class="posts">${posts.map(
    ({ id, title, archived }) => html`
  <li><form method="post" action="/posts/${id}/${archived ? 'restore' : 'archive'}">
    <a href="/posts/${id}">${title}</a> <button>${archived ? 'Restore' : 'Archive'}</button>
  </form></li>`,
  )}
</ul>`;
}

export function searchForm(words = ''): Html {
  return html`<form method="post" action="/search" role="search">
  <label>Words <input name="words" maxlength="100" value="${words}" required></label> <button>Search</button>
</form>`;
}

function time(created: string): Html {
  const [day = '', clock = ''] = created.split('T');
  return html`<time datetime="${created}">${day} ${clock.slice(0, 8)}</time>`;
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
