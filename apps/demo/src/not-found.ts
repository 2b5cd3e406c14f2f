import { html } from './html.js';
import type { Page } from './message.js';

export function notFound(): Page {
  return {
    kind: 'page',
    status: 404,
    title: 'Not found',
    body: html`<p>There is nothing here, or not yet: a replica that lags shows what it has.</p>`,
  };
}
