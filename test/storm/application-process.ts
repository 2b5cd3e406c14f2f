import type { PoolStatus } from '@node-replicated/pg';
import { type ApplicationSettings, openApplication } from './application.js';

/** What the process is asked. */
export interface Question {
  readonly id: number;
  readonly about: 'status' | 'memory' | 'end';
}

/** What it says: where it listens, once; an answer to each question. */
export type ProcessMessage =
  | { readonly url: string }
  | { readonly id: number; readonly status: PoolStatus }
  | { readonly id: number; readonly heapBytes: number }
  | { readonly id: number; readonly ended: true };

/*
 * The program of a child process: it serves one application and nothing else, so that its memory is the
 * application's. When it is told to end it closes what it has opened, and is then left to end by itself. It also
 * ends with its parent.
 */

const application = await openApplication(JSON.parse(process.argv[2] ?? '') as ApplicationSettings);
const abandon = (): never => process.exit(1);
process.once('disconnect', abandon);
process.on('message', (question: Question) => void answer(question));
tell({ url: application.url });

async function answer({ id, about }: Question): Promise<void> {
  switch (about) {
    case 'status':
      return tell({ id, status: application.pool.status() });
    case 'memory':
      globalThis.gc?.();
      return tell({ id, heapBytes: process.memoryUsage().heapUsed });
    case 'end':
      await application[Symbol.asyncDispose]();
      tell({ id, ended: true });
      process.off('disconnect', abandon);
      process.disconnect();
  }
}

function tell(message: ProcessMessage): void {
  process.send?.(message);
}
