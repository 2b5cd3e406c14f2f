import { type Html, html } from './html.js';
import type { Page } from './message.js';
import type { TracedStatement } from './statement-trace.js';

const links = [
  ['/', 'Posts'],
  ['/search', 'Search'],
  ['/archive', 'Archive'],
  ['/moderation', 'Moderation'],
  ['/stats/authors', 'Authors'],
  ['/visits', 'Visits'],
  ['/lab', 'Lab'],
  ['/status', 'Status'],
] as const;

/** The whole document: navigation, the page, and which node served each of its statements. */
export function layout(page: Page, framework: string, statements: readonly TracedStatement[]): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${page.title} – message board</title>
${style}
</head>
<body>
<nav>${links.map(([to, text]) => html`<a href="${to}">${text}</a> `)}</nav>
<main>
<h1>${page.title}</h1>
${page.body}
</main>
<footer>
<h2>How ${framework} served this page</h2>
${statements.length === 0 ? html`<p>Without asking the database.</p>` : statementTable(statements)}
</footer>
</body>
</html>
`;
}

function statementTable(statements: readonly TracedStatement[]): Html {
  return html`<table>
<thead><tr><th>node</th><th>role</th><th>reason</th><th>the server says</th><th>statement</th></tr></thead>
<tbody>${statements.map(
    ({ node, role, reason, port, standby, sql }) => html`
<tr><td>${node}</td><td>${role}</td><td>${reason}</td>
  <td>port ${port}, ${standby ? 'in recovery' : 'not in recovery'}</td>
  <td><code>${sql.replace(/\s+/g, ' ').trim()}</code></td></tr>`,
  )}
</tbody></table>`;
}

const style = html`<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
nav a { margin-right: 1rem; }
ul.posts { padding-left: 1.2rem; }
label { display: block; margin: .5rem 0; }
input, textarea { display: block; width: 100%; max-width: 30rem; font: inherit; box-sizing: border-box; }
button { font: inherit; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.comment { border-left: .2rem solid #8886; padding-left: .8rem; }
.problems { color: #b00020; }
main form[action^="/lab"] { display: inline-block; margin-right: .5rem; }
footer { margin-top: 2rem; border-top: 1px solid #8886; font-size: .85rem; overflow-x: auto; }
footer h2 { font-size: 1rem; }
code { font-size: .9em; opacity: .8; }
@media (prefers-color-scheme: dark) { .problems { color: #ff8a80; } }
</style>`;
