import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type NestModule,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { defineReplication, type ReplicationConfig, type ReplicationOptions } from '@node-replicated/core';
import type { RequestReplication } from '@node-replicated/core/adapter';
import { RequestOpener } from './request-opener.js';

declare global {
  namespace Express {
    interface Request {
      /** The state of replication for this request, where `ReplicationModule` is imported. */
      replication: RequestReplication;
    }
  }
}

type Options = ReplicationOptions | ReplicationConfig;

/** A factory of options, and what it has injected. */
export interface ReplicationAsyncOptions
  extends Pick<ModuleMetadata, 'imports'>,
    Pick<FactoryProvider<Options | undefined>, 'inject' | 'useFactory'> {}

/**
 * Opens a scope for each HTTP request of an application, on Express and on Fastify: reading requests go to
 * replicas, writing ones to the primary, and a client that has written gets a pin with the response. Import it once,
 * in the root module. Its options are those of every adapter.
 */
@Module({})
export class ReplicationModule implements NestModule {
  readonly #opener: RequestOpener;

  /** @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option and what to do */
  static forRoot(options?: Options): DynamicModule {
    const config = defineReplication(options);
    return moduleWith({ useFactory: () => config });
  }

  /** Options that cannot be used end the start of the application, with one of the errors of `forRoot()`. */
  static forRootAsync(options: ReplicationAsyncOptions): DynamicModule {
    return moduleWith(options);
  }

  constructor(@Inject(RequestOpener) opener: RequestOpener) {
    this.#opener = opener;
  }

  /** Called by Nest before it adds the routes. */
  async configure(): Promise<void> {
    await this.#opener.ready();
  }
}

function moduleWith({ imports = [], inject = [], useFactory }: ReplicationAsyncOptions): DynamicModule {
  const opener: FactoryProvider<RequestOpener> = {
    provide: RequestOpener,
    inject: [HttpAdapterHost, ModuleRef, ...inject],
    useFactory: async (host: HttpAdapterHost, moduleRef: ModuleRef, ...given) =>
      new RequestOpener(defineReplication(await useFactory(...given)), host, moduleRef),
  };
  return { module: ReplicationModule, imports, providers: [opener] };
}
