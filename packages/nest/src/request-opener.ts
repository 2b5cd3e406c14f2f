import { type HttpAdapterHost, type ModuleRef, NestContainer } from '@nestjs/core';
import type { ReplicationConfig } from '@node-replicated/core';
import { HandlerGuard } from './handler-guard.js';
import { openRequests } from './open-requests.js';
import { UnavailableFilter } from './unavailable-filter.js';

/** Prepares an application, as soon as it has a server, for opening a scope for each of its requests. */
export class RequestOpener {
  #opened: PromiseLike<unknown> | undefined;

  /** @throws a TypeError where Nest is another than this was made for */
  constructor(config: ReplicationConfig, host: HttpAdapterHost, moduleRef: ModuleRef) {
    enhance(moduleRef, host);
    // An application that serves no HTTP has no adapter, and one under test gets it later.
    host.init$.subscribe(() => {
      if (host.httpAdapter) this.#opened = openRequests(host.httpAdapter, config);
    });
  }

  /** To be awaited before routes are added. */
  async ready(): Promise<void> {
    await this.#opened;
  }
}

/**
 * Puts our guard before all others, which a provider of `APP_GUARD` would not be, and our filter behind all others,
 * so that the application's own come first.
 */
function enhance(moduleRef: ModuleRef, host: HttpAdapterHost): void {
  const container: unknown = Reflect.get(moduleRef, 'container');
  if (!(container instanceof NestContainer)) throw new TypeError('This version of Nest is not supported.');
  const { applicationConfig } = container;
  applicationConfig?.useGlobalGuards(new HandlerGuard());
  applicationConfig?.useGlobalFilters(new UnavailableFilter(host));
}
