import { type Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * One visitor's browser: all of its tabs share the cookies. As in a real one, the `Set-Cookie` that arrives last
 * stays, whichever request it answers.
 */
export class Browser {
  readonly #urls: readonly string[];
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;
  #sent = 0;
  readonly #cookies = new Map<string, string>();

  /**
   * @param urls the addresses of the site, which take turns
   * @param headers what is sent with every request
   */
  constructor(urls: readonly string[], agent: Agent, headers: Readonly<Record<string, string>> = {}) {
    this.#urls = urls;
    this.#agent = agent;
    this.#headers = headers;
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path);
  }

  post(path: string, json: unknown): Promise<Answer> {
    return this.#send('POST', path, JSON.stringify(json));
  }

  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const response = await this.#exchange(method, path, body);
    return { status: response.statusCode ?? 0, body: await text(response) };
  }

  #exchange(method: string, path: string, body: string | undefined): Promise<IncomingMessage> {
    const url = this.#urls[this.#sent % this.#urls.length] ?? '';
    this.#sent += 1;
    return new Promise((resolve, reject) => {
      const headers = {
        ...this.#headers,
        ...(this.#cookies.size > 0 && { cookie: this.#cookieHeader() }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      };
      const sent = request(new URL(path, url), { method, agent: this.#agent, headers });
      sent.once('error', reject);
      sent.once('response', (response) => {
        // Before anything else happens: who waits for a promise here could be overtaken by the next response.
        for (const cookie of response.headers['set-cookie'] ?? []) this.#keep(cookie);
        resolve(response);
      });
      sent.end(body);
    });
  }

  #keep(setCookie: string): void {
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(setCookie) ?? [];
    this.#cookies.set(name, value);
  }

  #cookieHeader(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }
}
