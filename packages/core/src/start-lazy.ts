/**
 * Starts what a function has returned, where that is a statement that begins only when somebody awaits it: the query
 * builders of Drizzle, Knex and others, and all that Prisma returns. Whoever awaits it may be in another scope by
 * then, so inside this one it is made a promise. Anything else is returned as it is.
 */
export function startLazy<T>(value: T): T {
  if (!isLazy(value)) return value;
  return new Promise((resolve, reject) => value.then(resolve, reject)) as T;
}

/** Whether something can be awaited, and is no promise, which is under way already. */
function isLazy(value: unknown): value is PromiseLike<unknown> {
  if (value === null || typeof value !== 'object' || value instanceof Promise) return false;
  return 'then' in value && typeof value.then === 'function';
}
