/** What came back for one request. */
export interface Visit {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** For how many ms a visitor waits for an answer. */
const patienceMs = 10_000;

/** Somebody with a browser: keeps cookies, sends forms, and remembers where the last redirect pointed. */
export class Visitor {
  readonly #cookies = new Map<string, string>();
  /** The path that the latest redirect named. */
  location = '';

  async visit(url: string, method: string, form?: Readonly<Record<string, string>>): Promise<Visit> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
      headers: cookie === '' ? {} : { cookie },
      body: form === undefined ? null : new URLSearchParams(form),
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    this.location = response.headers.get('location') ?? this.location;
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  /** Takes another visitor's cookies, with one character of each value changed. */
  forgeCookiesOf(other: Visitor): void {
    for (const [name, value] of other.#cookies) {
      const middle = Math.floor(value.length / 2);
      const changed = value[middle] === 'a' ? 'b' : 'a';
      this.#cookies.set(name, value.slice(0, middle) + changed + value.slice(middle + 1));
    }
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    if (attributes.some((attribute) => /^max-age=(0|-.*)$/i.test(attribute))) this.#cookies.delete(name);
    else this.#cookies.set(name, pair.slice(at + 1));
  }
}
