import { type ArgumentsHost, Catch, type ExceptionFilter, ServiceUnavailableException } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import type { ReplicationError } from '@node-replicated/core';

/** The errors of this library that have an HTTP status, of whichever copy of core they come from. */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest takes classes, and asks them with `instanceof`
abstract class Unavailable {
  static [Symbol.hasInstance](error: unknown): boolean {
    return error instanceof Error && error.name === 'ReplicationError' && 'statusCode' in error;
  }
}

/**
 * Answers 503 with `Retry-After` where no node can serve, for which Nest would answer 500. The message stays here:
 * it names the nodes. Outside HTTP the error is left to Nest.
 */
@Catch(Unavailable)
export class UnavailableFilter implements ExceptionFilter<ReplicationError> {
  readonly #host: HttpAdapterHost;

  constructor(host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(error: ReplicationError, context: ArgumentsHost): void {
    if (context.getType() !== 'http') return;
    const { httpAdapter } = this.#host;
    const response: unknown = context.switchToHttp().getResponse();
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    for (const [name, value] of Object.entries(error.headers ?? {}))
      httpAdapter.setHeader(response, name, value);
    const answer = new ServiceUnavailableException();
    httpAdapter.reply(response, answer.getResponse(), answer.getStatus());
  }
}
