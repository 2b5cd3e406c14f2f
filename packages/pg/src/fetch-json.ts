import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { systemClock } from '@node-replicated/core/cluster';

/** What may be said of the connection to an HTTPS server. */
export type FetchTls = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'rejectUnauthorized' | 'servername'
>;

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** How long all of it may take, in ms. */
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: FetchTls;
}

/** The longest answer that is read, in bytes. */
const mostBytes = 256 * 1_024;

/**
 * Gets a small JSON document. It follows no redirect, leaves no connection behind, and does not keep the process
 * alive. No part of an answer is ever part of an error.
 */
export function fetchJson(url: URL, { signal, timeoutMs, headers, tls }: FetchOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = send(url, {
      ...tls,
      signal,
      agent: false,
      headers: { ...headers, accept: 'application/json' },
    });
    const timer = systemClock.after(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs} ms`)));
    const fail = (error: Error): void => {
      timer.clear();
      reject(error);
      sent.destroy();
    };
    sent.on('error', fail);
    sent.on('socket', (socket) => socket.unref());
    sent.on('response', (response) => {
      if (response.statusCode !== 200) return fail(new Error(`HTTP status ${response.statusCode}`));
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('error', fail);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > mostBytes) fail(new Error(`more than ${mostBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        timer.clear();
        const value = parseJson(Buffer.concat(chunks).toString());
        if (value === undefined) reject(new Error('its answer is not JSON'));
        else resolve(value);
      });
    });
    sent.end();
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
