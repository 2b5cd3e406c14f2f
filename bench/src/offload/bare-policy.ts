import { BareServers } from './bare-servers.js';
import type { Browser, Policy } from './policy.js';

/**
 * A policy over bare pools that sends nothing but the visitors' statements, apart from what it says itself.
 *
 * @param browse makes a browser
 */
export function barePolicy(name: string, browse: (servers: BareServers) => Browser): Policy {
  return {
    name,
    watches: false,
    async open(cluster) {
      const servers = new BareServers(cluster);
      return {
        freeStatements: 0,
        openBrowser: () => browse(servers),
        [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
      };
    },
  };
}
