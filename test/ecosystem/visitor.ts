import type { Site } from '../integration/listening.js';

/** What a visitor got. */
export interface Answer {
  readonly status: number;
  /** The names of the cookies that came with it. */
  readonly cookies: readonly string[];
  /** What was sent as JSON. */
  readonly body: unknown;
}

/** Somebody with a browser, who sends back the cookies that a site has given. */
export class Visitor {
  readonly #site: Site;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #cookies = new Map<string, string>();

  /** @param headers what is sent besides with each request */
  constructor(site: Site, headers: Readonly<Record<string, string>> = {}) {
    this.#site = site;
    this.#headers = headers;
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path);
  }

  post(path: string, body: unknown = {}): Promise<Answer> {
    return this.#send('POST', path, JSON.stringify(body));
  }

  /** The value of a cookie that was given and not taken back. */
  cookie(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  /** Changes a cookie by hand; undefined: it is not sent any more. */
  setCookie(name: string, value: string | undefined): void {
    if (value === undefined) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }

  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const { url } = this.#site;
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...this.#headers, cookie, origin: url, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body }) });
    const given = response.headers.getSetCookie().map((line) => this.#keep(line));
    const text = await response.text();
    return { status: response.status, cookies: given, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** @returns the cookie's name */
  #keep(line: string): string {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (value === '' || /;\s*max-age=0(;|$)/i.test(line)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
    return name;
  }
}
