import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type NestModule,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, NestContainer } from '@nestjs/core';
import { defineReplication, type ReplicationConfig, type ReplicationOptions } from '@node-replicated/core';
import type { RequestReplication } from '@node-replicated/core/adapter';
import { HandlerGuard } from './handler-guard.js';
import { openRequests } from './open-requests.js';
import { UnavailableFilter } from './unavailable-filter.js';

declare global {
  namespace Express {
    interface Request {
      /** The state of replication for this request, where `ReplicationModule` is imported. */
      replication: RequestReplication;
    }
  }
}

const configToken: unique symbol = Symbol('node-replicated.config');

type Options = ReplicationOptions | ReplicationConfig;

/** Options that a factory makes, out of what it has injected. */
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
  #opened: PromiseLike<unknown> | undefined;

  /** @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option and what to do */
  static forRoot(options?: Options): DynamicModule {
    const useValue = defineReplication(options);
    return { module: ReplicationModule, providers: [{ provide: configToken, useValue }] };
  }

  /** The application does not start where the options that the factory gives throw one of `forRoot()`'s errors. */
  static forRootAsync({ imports = [], inject = [], useFactory }: ReplicationAsyncOptions): DynamicModule {
    const factory: FactoryProvider<ReplicationConfig> = {
      provide: configToken,
      inject,
      useFactory: async (...given) => defineReplication(await useFactory(...given)),
    };
    return { module: ReplicationModule, imports, providers: [factory] };
  }

  constructor(
    @Inject(configToken) config: ReplicationConfig,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(ModuleRef) moduleRef: ModuleRef,
  ) {
    enhance(moduleRef, host);
    // In an application that serves no HTTP there is no adapter; under test it comes after this.
    host.init$.subscribe(() => {
      if (host.httpAdapter) this.#opened = openRequests(host.httpAdapter, config);
    });
  }

  /** Called by Nest before it adds the routes. */
  async configure(): Promise<void> {
    await this.#opened;
  }
}

/**
 * Puts our guard before all others, which the providers of `APP_GUARD` would not be, and our filter behind all
 * others, so that the application's own come first.
 */
function enhance(moduleRef: ModuleRef, host: HttpAdapterHost): void {
  const container: unknown = Reflect.get(moduleRef, 'container');
  if (!(container instanceof NestContainer)) throw new TypeError('This version of Nest is not supported.');
  const { applicationConfig } = container;
  applicationConfig?.useGlobalGuards(new HandlerGuard());
  applicationConfig?.useGlobalFilters(new UnavailableFilter(host));
}
