import { nameHeader } from '../history/visitors.js';

/** Who sends a request, by the header in which clients say so: both frameworks' requests have their headers there. */
export function identify(request: object): string | undefined {
  const headers: unknown = Reflect.get(request, 'headers');
  const name: unknown = Reflect.get(headers as object, nameHeader);
  return typeof name === 'string' ? name : undefined;
}
