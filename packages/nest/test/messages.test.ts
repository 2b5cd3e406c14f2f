import 'reflect-metadata';
import { createServer } from 'node:net';
import { type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { ReplicationModule } from '@node-replicated/nest';
import { firstValueFrom } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { listen, secret } from '../../node-http/test/contract/implementation.js';
import { compileFixtures } from './load-fixtures.js';
import { platforms, quiet } from './nest-servers.js';

const load = await compileFixtures('messages');
const { MessagesController } = (await load(
  'messages-controller.js',
)) as typeof import('./fixtures/messages-controller.js');

class Root {}
const imports = [ReplicationModule.forRoot({ secret })];
Module({ imports, controllers: [MessagesController as Type] })(Root);

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What two handlers of messages say of where their statements go. */
async function answers(port: number): Promise<readonly unknown[]> {
  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { host: '127.0.0.1', port },
  });
  try {
    return [
      await firstValueFrom(client.send<unknown>('plain', {})),
      await firstValueFrom(client.send<unknown>('report', {})),
    ];
  } finally {
    client.close();
  }
}

async function closing<T>(app: INestApplicationContext, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } finally {
    await app.close();
  }
}

describe('a handler of messages belongs to no request: its decorator says where it goes, or else it is the primary', () => {
  test('in a microservice', async () => {
    const port = await freePort();
    const options = { transport: Transport.TCP, options: { host: '127.0.0.1', port } } as const;
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(Root, { ...quiet, ...options });
    await app.listen();
    expect(await closing(app, () => answers(port))).toEqual(['primary/outside', 'replica/forced']);
  });

  test.each(platforms.slice(0, 2))('beside $name', async (platform) => {
    const port = await freePort();
    const app = await platform.create(Root);
    const options = { transport: Transport.TCP, options: { host: '127.0.0.1', port } } as const;
    app.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig: true });
    await app.startAllMicroservices();
    expect(await closing(app, () => answers(port))).toEqual(['primary/outside', 'replica/forced']);
  });
});
