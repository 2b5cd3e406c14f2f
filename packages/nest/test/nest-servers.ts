import 'reflect-metadata';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { All, Controller, type INestApplication, Module, Req, Res, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ReplicationModule } from '@node-replicated/nest';
import type { Request, Response } from 'express';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Client, http1Client, http2Client } from '../../node-http/test/contract/http-client.js';
import {
  type App,
  type Handler,
  type Implementation,
  type RawHandler,
  type Site,
  secret,
} from '../../node-http/test/contract/implementation.js';

/** A platform of Nest, and how the contract's handlers answer on it. */
export interface Platform {
  readonly name: string;
  readonly protocol: Implementation['protocol'];
  create(root: Type): Promise<INestApplication>;
  connect(port: number): Client;
  answer(handler: Handler, req: Request & FastifyRequest, res: Response & FastifyReply): Promise<void>;
  raw(handler: RawHandler, req: Request & FastifyRequest, res: Response & FastifyReply): Promise<void>;
}

/** Silent, and told what ends the start. */
export const quiet = { logger: false, abortOnError: false, forceCloseConnections: true } as const;

const onExpress: Platform = {
  name: 'Nest on Express',
  protocol: 'http/1.1',
  async create(root) {
    const adapter = new ExpressAdapter();
    adapter.disable('x-powered-by');
    return NestFactory.create(root, adapter, quiet);
  },
  connect: http1Client,
  async answer(handler, req, res) {
    const { status = 200, headers = {}, body } = await handler(req);
    res.status(status).set(headers);
    if (body === undefined) res.end();
    else res.send(body);
  },
  raw: async (handler, req, res) => handler(req, res),
};

function onFastify(name: string, options: object): Omit<Platform, 'protocol' | 'connect'> {
  return {
    name,
    async create(root) {
      const adapter = new FastifyAdapter(options);
      adapter
        .getInstance()
        .addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
      return NestFactory.create(root, adapter, quiet);
    },
    async answer(handler, request, reply) {
      const { status = 200, headers = {}, body } = await handler(request);
      reply.code(status).headers(headers).send(body);
    },
    async raw(handler, request, reply) {
      reply.hijack();
      await handler(request.raw as IncomingMessage, reply.raw as ServerResponse);
    },
  };
}

/** The platforms that the module serves. */
export const platforms: readonly Platform[] = [
  onExpress,
  { ...onFastify('Nest on Fastify', {}), protocol: 'http/1.1', connect: http1Client },
  { ...onFastify('Nest on Fastify over HTTP/2', { http2: true }), protocol: 'h2', connect: http2Client },
];

/** An application behind a client. */
export async function serve(
  app: INestApplication,
  connect: Platform['connect'] = http1Client,
): Promise<Site> {
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const client = connect(port);
  return {
    client,
    port,
    async [Symbol.asyncDispose]() {
      await client.close();
      await app.close();
    },
  };
}

/** The contract's application in Nest. */
export function implementation(platform: Platform): Implementation {
  return {
    name: platform.name,
    protocol: platform.protocol,
    open: async (app, options = { secret }) => {
      class Root {}
      Module({ imports: [ReplicationModule.forRoot(options)], controllers: [controllerOf(platform, app)] })(
        Root,
      );
      return serve(await platform.create(Root), platform.connect);
    },
  };
}

type Method = (req: Request & FastifyRequest, res: Response & FastifyReply) => Promise<void>;

/** A controller with a method for each path, decorated as TypeScript would. */
function controllerOf({ answer, raw: answerRaw }: Platform, { handlers = {}, raw = {} }: App): Type {
  class ContractController {}
  const methods = new Map<string, Method>();
  for (const [path, handler] of Object.entries(handlers))
    methods.set(path, (req, res) => answer(handler, req, res));
  for (const [path, handler] of Object.entries(raw))
    methods.set(path, (req, res) => answerRaw(handler, req, res));
  const { prototype } = ContractController;
  for (const [path, value] of methods) {
    const descriptor = { value, writable: true, configurable: true };
    Object.defineProperty(prototype, path, descriptor);
    Req()(prototype, path, 0);
    Res()(prototype, path, 1);
    All(path)(prototype, path, descriptor);
  }
  Controller()(ContractController);
  return ContractController;
}
