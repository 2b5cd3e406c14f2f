import type { ServerResponse } from 'node:http';
import { createGzip, type Gzip } from 'node:zlib';

type Listener = (...given: unknown[]) => void;
type Chunk = string | Uint8Array;

/** What this middleware adds to a response. */
export interface Flushable {
  flush(): void;
}

/**
 * Compresses a response in the manner of the usual middleware: it stands before `write`, `end` and `on`, and
 * decides when the headers leave, for which it stands before `writeHead`. Listeners of `drain` are handed to its
 * own stream, as soon as there is one.
 */
export function compressing(res: ServerResponse): void {
  const write = res.write as (chunk: Chunk) => boolean;
  const end = res.end as () => ServerResponse;
  const { on, writeHead } = res as unknown as Record<'on' | 'writeHead', (...given: unknown[]) => unknown>;
  const early: Listener[] = [];
  let stream: Gzip | undefined;
  let ended = false;
  let begun = false;

  function begin(): void {
    begun = true;
    res.setHeader('Content-Encoding', 'gzip');
    res.removeHeader('Content-Length');
    const gzip = createGzip();
    stream = gzip;
    for (const listener of early) gzip.on('drain', listener);
    gzip.on('data', (chunk: Buffer) => {
      if (!Reflect.apply(write, res, [chunk])) gzip.pause();
    });
    gzip.on('end', () => Reflect.apply(end, res, []));
    Reflect.apply(on, res, ['drain', () => gzip.resume()]);
  }

  function sendHead(): void {
    // Older middleware looks at Node's own field.
    if (!Reflect.get(res, '_header')) res.writeHead(res.statusCode);
  }

  Object.assign(res, {
    flush: () => stream?.flush(),
    writeHead(...given: unknown[]) {
      if (!begun) begin();
      return Reflect.apply(writeHead, res, given);
    },
    write(chunk: Chunk) {
      if (ended) return false;
      sendHead();
      return stream?.write(chunk) ?? false;
    },
    end(chunk?: Chunk) {
      if (ended) return res;
      sendHead();
      ended = true;
      stream?.end(chunk);
      return res;
    },
    on(event: string, listener: Listener) {
      if (event !== 'drain') Reflect.apply(on, res, [event, listener]);
      else if (stream === undefined) early.push(listener);
      else stream.on(event, listener);
      return res;
    },
  });
}
