import 'reflect-metadata';
import { Catch, type INestApplication, Module, type Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ReplicationModule } from '@node-replicated/nest';
import { describe, expect, test } from 'vitest';
import { type Site, secret } from '../../node-http/test/contract/implementation.js';
import { compileFixtures } from './load-fixtures.js';
import { type Platform, platforms, serve } from './nest-servers.js';

const load = await compileFixtures('unavailable-filter');
const { FailingController } = (await load(
  'failing-controller.js',
)) as typeof import('./fixtures/failing-controller.js');

/** Answers everything, as many applications do. */
class OwnFilter {
  catch(error: Error, host: { switchToHttp(): { getResponse(): Answering } }): void {
    const response = host.switchToHttp().getResponse();
    (response.status ?? response.code).call(response, 599).send(error.name);
  }
}
Catch()(OwnFilter);

interface Answering {
  readonly status?: (code: number) => { send(body: string): void };
  readonly code: (code: number) => { send(body: string): void };
}

async function open(
  platform: Platform,
  { providers = [], change = () => undefined }: Additions = {},
): Promise<Site> {
  class Root {}
  const imports = [ReplicationModule.forRoot({ secret })];
  Module({ imports, controllers: [FailingController as Type], providers: [...providers] })(Root);
  const app = await platform.create(Root);
  change(app);
  return serve(app, platform.connect);
}

interface Additions {
  readonly providers?: readonly { provide: string; useClass: Type }[];
  readonly change?: (app: INestApplication) => void;
}

for (const platform of platforms) {
  describe(platform.name, () => {
    test.each(['no-primary', 'guarded', 'other-copy'])(
      'a lost database is answered with 503, when to try again, and no name of a node: %s',
      async (path) => {
        await using site = await open(platform);
        const { status, headers, body } = await site.client.send('GET', `/failing/${path}`);
        expect([status, headers['retry-after']]).toEqual([503, '1']);
        expect(JSON.parse(body)).toEqual({ statusCode: 503, message: 'Service Unavailable' });
      },
    );

    test.each(['unknown', 'plain'])('any other error is left to Nest: %s', async (path) => {
      await using site = await open(platform);
      const { status, headers, body } = await site.client.send('GET', `/failing/${path}`);
      expect([status, headers['retry-after']]).toEqual([500, undefined]);
      expect(body).not.toContain('secret');
    });

    test("an application's own filter goes first, whichever way it was added", async () => {
      const byProvider = { providers: [{ provide: APP_FILTER, useClass: OwnFilter }] };
      const byCall = { change: (app: INestApplication) => app.useGlobalFilters(new OwnFilter() as never) };
      for (const additions of [byProvider, byCall]) {
        await using site = await open(platform, additions);
        const { status, body } = await site.client.send('GET', '/failing/no-primary');
        expect([status, body]).toEqual([599, 'ReplicationError']);
      }
    });
  });
}
