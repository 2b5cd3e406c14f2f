import { createServer } from 'node:http';
import { replicationMiddleware } from '@node-replicated/express';
import express, { type Express } from 'express';
// @ts-expect-error: the types of Express 5 stand in for those that Express 4 does not have here
import express4 from 'express4';
import { httpSite } from '../../node-http/test/contract/http-site.js';
import {
  type App,
  type Implementation,
  methods,
  type Site,
  secret,
} from '../../node-http/test/contract/implementation.js';

/** The versions of Express that the middleware serves; both have the same shape here. */
export const versions: readonly (readonly [string, typeof express])[] = [
  ['Express 5', express],
  ['Express 4', express4 as typeof express],
];

/** An Express application behind a client. */
export function serve(app: Express): Promise<Site> {
  return httpSite(createServer(app));
}

/** The contract's application in an Express of either version. */
export function implementation(name: string, framework: typeof express): Implementation {
  return {
    name,
    protocol: 'http/1.1',
    open: async (app, options = { secret }) => {
      const site = framework().disable('x-powered-by');
      site.use(replicationMiddleware(options));
      mount(site, framework, app);
      return serve(site);
    },
  };
}

function mount(site: Express, framework: typeof express, { handlers = {}, raw = {} }: App): void {
  for (const [path, handler] of Object.entries(raw)) {
    site.all(path, (req, res, next) => {
      Promise.resolve(handler(req, res)).catch(next);
    });
  }
  site.use(framework.json(), framework.urlencoded({ extended: false }));
  for (const [path, handler] of Object.entries(handlers)) {
    for (const method of methods) {
      site[method.toLowerCase() as 'get'](path, async (req, res, next) => {
        try {
          const { status = 200, headers = {}, body } = await handler(req);
          res.status(status).set(headers);
          if (body === undefined) res.end();
          else res.send(body);
        } catch (error) {
          next(error);
        }
      });
    }
  }
  site.use((_error: unknown, _req: unknown, res: express.Response, _next: unknown) => {
    res.status(500).end();
  });
}
