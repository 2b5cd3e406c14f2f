import pg from 'pg';

type Query = (this: pg.Client, ...args: unknown[]) => unknown;

/**
 * Counts every statement that any client of `pg` in this process is given, whoever sends it: an application, a pool
 * that sets up a connection, or a probe.
 */
export class StatementCount implements Disposable {
  readonly #original: Query = pg.Client.prototype.query;
  #taken = 0;

  constructor() {
    const original = this.#original;
    const count = (): void => {
      this.#taken += 1;
    };
    setQuery(function counted(...args) {
      count();
      return Reflect.apply(original, this, args);
    });
  }

  get taken(): number {
    return this.#taken;
  }

  [Symbol.dispose](): void {
    setQuery(this.#original);
  }
}

function setQuery(query: Query): void {
  Object.defineProperty(pg.Client.prototype, 'query', { value: query, configurable: true, writable: true });
}
