import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { currentScope } from '@node-replicated/core/adapter';
import { forcedRule } from '@node-replicated/decorators';

/**
 * Lets every request pass, and tells its scope which handler serves it: from here on the override map's key
 * `Controller.method` counts, and what the handler's decorator forces holds for its guards, interceptors, pipes and
 * filters too, and for the Observable or the stream that it returns.
 */
export class HandlerGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    // One GraphQL request has many handlers at a time, and none that all of it belongs to.
    if (context.getType() !== 'http') return true;
    const handler = context.getHandler();
    currentScope()?.session.enterView(`${context.getClass().name}.${handler.name}`, forcedRule(handler));
    return true;
  }
}
