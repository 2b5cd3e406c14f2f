import type { PoolStatus } from '@node-replicated/pg';
import { type Html, html } from './html.js';
import { type LabAction, type LabReplica, labLags } from './lab.js';
import type { RecentRequest } from './recent-requests.js';

/** One row of buttons per replica, and one for all. */
export function labForms(replicas: readonly LabReplica[]): Html {
  return html`<table>
<thead><tr><th>replica</th><th>now</th><th>lag</th><th>replay</th><th>server</th></tr></thead>
<tbody>${replicas.map(
    ({ name, running, lagMs, paused }) => html`
<tr><td>${name}</td>
  <td>${running ? `lag ${(lagMs ?? 0) / 1_000} s${paused ? ', paused' : ''}` : 'stopped'}</td>${controls(name)}</tr>`,
  )}
<tr><td>all</td><td></td>${controls('all')}</tr>
</tbody></table>`;
}

function controls(node: string): Html {
  const buttons = (...actions: readonly LabAction[]): Html =>
    html`<td>${actions.map((action) => form(action, node, html`<button>${action}</button>`))}</td>`;
  const lags = labLags.map((ms) => html`<button name="ms" value="${ms}">${ms / 1_000} s</button> `);
  return html`<td>${form('lag', node, html`${lags}`)}</td>${buttons('pause', 'resume')}${buttons('kill', 'restart')}`;
}

function form(action: LabAction, node: string, content: Html): Html {
  return html`<form method="post" action="/lab/${action}"><input type="hidden" name="node" value="${node}">${content}</form>`;
}

/** `pool.status()` as a table. */
export function nodeTable({ nodes }: PoolStatus): Html {
  return html`<table>
<thead><tr><th>node</th><th>role</th><th>state</th><th>lag</th><th>why</th></tr></thead>
<tbody>${nodes.map(
    ({ name, role, state, lagMs, error }) => html`
<tr><td>${name}</td><td>${role}</td><td>${state}</td>
  <td>${lagMs === null ? '' : `${Math.round(lagMs)} ms`}</td><td>${error ?? ''}</td></tr>`,
  )}
</tbody></table>`;
}

export function requestTable(requests: readonly RecentRequest[]): Html {
  return html`<table>
<thead><tr><th>framework</th><th>request</th><th>status</th><th>statements ran on</th></tr></thead>
<tbody>${requests.map(
    ({ framework, method, path, status, statements }) => html`
<tr><td>${framework}</td><td>${method} ${path}</td><td>${status}</td>
  <td>${statements.map(({ node, role, reason }) => html`${node} (${role}, ${reason})<br>`)}</td></tr>`,
  )}
</tbody></table>`;
}
