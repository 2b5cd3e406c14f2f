import type { DemoServer } from './demo-server.js';

/** What is printed once the servers listen. */
export function welcome(servers: readonly DemoServer[]): string {
  const addresses = servers.map(({ framework, url }) => `  ${framework.padEnd(8)} ${url}/`).join('\n');
  return `
The message board is up, over one pool and with the same pages:

${addresses}

What to try:
  - Reload the board: its foot says that a replica served it.
  - Write a post: your pages come from the primary for 5 s, and then from a replica that has your post.
  - Open /lab, set the lag to 3 s, write a post, and look at the board in a private window too.
  - Pause or kill replicas there, and go on reading.
  - /moderation, /search, /archive, /stats/authors and /visits do not follow their HTTP method.

Press Ctrl-C to stop.`;
}
