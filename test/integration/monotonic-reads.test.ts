import type { LocalNode } from '@node-replicated/local-cluster';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  countNotes,
  goOn,
  type NotesPage,
  newText,
  notesPages,
  patient,
  returnsToReplica,
  shown,
} from './notes-sites.js';
import { cluster, pool, stagePool } from './pool-stage.js';
import { frameworks, openSite, type Pages, pinCookieOf, type Reply, send } from './sites.js';
import { eventually, heard, insert, numberOn } from './stage.js';

/** Times within which nothing that is due can be missed by chance. */
const visits = 40;

stagePool({ options: patient });

afterEach(() => goOn(cluster));

function pages(): Pages {
  const { pages: notes } = notesPages(() => pool);
  return {
    pages: {
      ...notes,
      'GET /public': async ({ headers, replication, setHeader }) => {
        setHeader('Cache-Control', 'public, max-age=60');
        return countNotes(pool, String(headers['x-text']), replication);
      },
    },
    raw: {
      'GET /raw': async (_req, res) => {
        await pool.query('SELECT 1');
        res.writeHead(200, ['X-Raw', 'yes', 'cache-control', 'no-store']);
        res.end();
      },
    },
  };
}

describe.for(frameworks)('with monotonic reads on %s', (framework) => {
  const settings = { monotonicReads: true, pin: { forMs: 0 } };
  let text: string;
  beforeEach(() => {
    text = newText();
  });

  it.for(['GET /notes', 'HEAD /notes', 'POST /notes', 'GET /public', 'GET /raw'])(
    'the answer to %s carries the pin',
    async (route) => {
      await using site = await openSite(framework, pages(), settings);
      const reply = await send(site, route, { 'x-text': text });
      expect(reply.status).toBe(200);
      expect(pinCookieOf(reply)).toBeDefined();
    },
  );

  it.for([
    ['GET /notes', 'private'],
    ['HEAD /notes', 'private'],
    ['POST /notes', 'private'],
    ['GET /public', 'public, max-age=60'],
    ['GET /raw', 'no-store'],
  ] as const)('caches are told of %s: %s', async ([route, expected]) => {
    await using site = await openSite(framework, pages(), settings);
    const { headers } = await send(site, route, { 'x-text': text });
    expect(headers.get('cache-control')).toBe(expected);
  });

  it('an answer that asked no database carries nothing', async () => {
    await using site = await openSite(framework, pages(), settings);
    const reply = await send(site, 'GET /about');
    expect(pinCookieOf(reply)).toBeUndefined();
    expect(reply.headers.get('cache-control')).toBeNull();
  });

  it('who has seen what one replica has is not sent back to one that has not', async () => {
    await using site = await openSite(framework, pages(), settings);
    await leaveOneBehind(text);
    const client = new Client(text, (headers) => send(site, 'GET /notes', headers));
    await eventually('it is shown', async () => (await client.look()).count === 1);
    for (let visit = 0; visit < visits; visit += 1) expect((await client.look()).count).toBe(1);
    await returnsToReplica(() => client.look(), 1);
  });

  it('who has seen what the primary has is not sent back to a replica that has not', async () => {
    await using site = await openSite(framework, pages(), settings);
    await leaveOneBehind(text);
    const [, second] = cluster.replicas as [LocalNode, LocalNode];
    await second.pauseReplay();
    const writer = new Client(text, (headers) => send(site, 'POST /notes', headers));
    await writer.look();
    const client = new Client(text, (headers) => send(site, 'GET /notes', { ...headers, ...writer.cookies }));
    expect(await client.look()).toEqual({ count: 2, from: 'primary pin' });
    const alone = new Client(text, (headers) => send(site, 'GET /notes', { ...headers, ...client.cookies }));
    expect(await alone.look()).toEqual({ count: 2, from: 'primary pin' });
  });

  it('without them, who has seen it is sent back', async () => {
    await using site = await openSite(framework, pages(), { pin: { forMs: 0 } });
    await leaveOneBehind(text);
    const client = new Client(text, (headers) => send(site, 'GET /notes', headers));
    await eventually('it is shown', async () => (await client.look()).count === 1);
    await eventually('it is shown no more', async () => (await client.look()).count === 0);
  });

  it('a browsing client does not end on the primary, nor is anything late', async () => {
    await using site = await openSite(framework, pages(), { ...settings, pin: { forMs: 100_000 } });
    const client = new Client(text, (headers) => send(site, 'GET /notes', headers));
    const late = await heard('late-write', async () => {
      for (let visit = 0; visit < visits; visit += 1) await returnsToReplica(() => client.look(), 0);
    });
    expect(late).toEqual([]);
  });
});

/** Writes a note that one replica shows and the other does not. */
async function leaveOneBehind(text: string): Promise<void> {
  const [behind, ahead] = cluster.replicas as [LocalNode, LocalNode];
  await behind.pauseReplay();
  await cluster.primary.query(insert(text));
  const sql = `SELECT count(*) AS n FROM notes WHERE body = '${text}'`;
  await eventually('one shows it', async () => (await numberOn(ahead, sql)) === 1);
}

/** A client that keeps its cookie. */
class Client {
  readonly #text: string;
  readonly #send: (headers: Readonly<Record<string, string>>) => Promise<Reply>;
  #cookie: string | undefined;

  constructor(text: string, request: (headers: Readonly<Record<string, string>>) => Promise<Reply>) {
    this.#text = text;
    this.#send = request;
  }

  get cookies(): Readonly<Record<string, string>> {
    return this.#cookie === undefined ? {} : { cookie: this.#cookie };
  }

  async look(): Promise<NotesPage> {
    const reply = await this.#send({ 'x-text': this.#text, ...this.cookies });
    this.#cookie = pinCookieOf(reply) ?? this.#cookie;
    return shown(reply);
  }
}
