import { currentScope } from '@node-replicated/core/adapter';
import { type AnyFunction, isCallable, takeIdentity } from './function-identity.js';
import { className, memberName, notDecorable } from './not-decorable.js';

/**
 * Binds a controller's method as a route handler that has a name: `PostsController.list`, by the class of the
 * instance (or the class itself, for a static method). The override map's key of that name applies to what it
 * does, unless the method has a decorator. The handler keeps the method's length, and calls whatever method the
 * controller has at the time of the call.
 *
 * @throws ERR_DECORATOR when the controller has no such method, or its class has no name
 */
export function view<C extends { readonly [P in K]: AnyFunction }, K extends keyof C & string>(
  controller: C,
  method: K,
): OmitThisParameter<C[K]> {
  const name = memberName(controller, method);
  const original: unknown = Reflect.get(controller, method);
  if (!isCallable(original)) {
    throw notDecorable('view()', name, `the controller has no method '${method}'`);
  }
  if (className(controller) === '') {
    throw notDecorable('view()', name, 'the override map knows handlers by class; give the class a name');
  }
  const handler = (...given: unknown[]): unknown => {
    currentScope()?.session.enterView(name);
    return Reflect.apply(Reflect.get(controller, method), controller, given);
  };
  takeIdentity(handler, original);
  Object.defineProperty(handler, 'name', { value: name, configurable: true });
  return handler as OmitThisParameter<C[K]>;
}
