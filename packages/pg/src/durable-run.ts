import type { Durability } from '@node-replicated/core';
import type { LeaseLink, StatementOutcome } from './lease-link.js';
import { firstWord, isSeveral } from './sql-text.js';
import { isServersAnswer } from './sqlstate.js';
import { mayCommitPart } from './statement.js';
import { type StatementCall, textCall } from './statement-call.js';

/** `active_sql_transaction`: a statement that runs in no transaction, such as VACUUM, was asked for inside one. */
const refusesTransactions = '25001';

/**
 * Runs a statement outside any transaction, so that its commit waits for what is asked. That is set for a
 * transaction alone, so the statement gets one of its own: then nothing is left behind in the session, which a
 * pooler may hand to others. What commits by itself has to be surrounded instead. It never rejects.
 *
 * @param link a writer's connection that has nothing to do
 */
export async function runDurably(
  link: LeaseLink,
  call: StatementCall,
  durability: Durability,
): Promise<StatementOutcome> {
  if (commitsNothing(call)) return link.ask(call);
  if (call.ownProtocol !== undefined || mayCommitPart(call.text))
    return runSurrounded(link, call, durability);
  if (call.kind === 'begin') return begin(link, call, durability);
  const outcome = await runAlone(link, call, durability);
  return codeOf(outcome.error) === refusesTransactions ? runSurrounded(link, call, durability) : outcome;
}

/** Whether a statement outside any transaction commits nothing, and may mean the session that it runs in. */
export function commitsNothing({ kind, text }: StatementCall): boolean {
  if (isSeveral(text)) return false;
  return kind === 'end' || (kind === 'session' && firstWord(text) !== 'EXECUTE');
}

/** Hands over a COPY or a stream, which reports its own end: that must not come before a commit of ours. */
export async function streamDurably(
  link: LeaseLink,
  durability: Durability,
  send: () => void,
): Promise<unknown> {
  const { error } = await ask(link, setFor('', durability));
  if (error !== undefined) return error;
  send();
  await reset(link);
  return undefined;
}

/** Opens the caller's transaction, which is open for the caller once its commit is told what to wait for. */
async function begin(
  link: LeaseLink,
  call: StatementCall,
  durability: Durability,
): Promise<StatementOutcome> {
  const begun = await answered(link, call);
  if (begun.error !== undefined) return begun;
  const { error } = await ask(link, setFor('LOCAL ', durability));
  return error === undefined ? begun : { error };
}

async function runAlone(
  link: LeaseLink,
  call: StatementCall,
  durability: Durability,
): Promise<StatementOutcome> {
  const begun = await ask(link, `BEGIN; ${setFor('LOCAL ', durability)}`);
  if (begun.error !== undefined) return begun;
  const outcome = await answered(link, call);
  if (outcome.error === undefined) {
    const { error } = await ask(link, 'COMMIT');
    return error === undefined ? outcome : { error };
  }
  if (link.lost === undefined) await ask(link, 'ROLLBACK');
  return outcome;
}

async function runSurrounded(
  link: LeaseLink,
  call: StatementCall,
  durability: Durability,
): Promise<StatementOutcome> {
  const set = await ask(link, setFor('', durability));
  if (set.error !== undefined) return set;
  const outcome = await answered(link, call);
  await reset(link);
  return outcome;
}

/** A transaction that is still open needs the setting until its end, and its ROLLBACK would bring it back. */
async function reset(link: LeaseLink): Promise<void> {
  await link.whenQuiet();
  if (link.lost !== undefined) return;
  if (link.inTransaction) link.spoil(new Error('Its session waits for commits in a way of its own.'));
  else await ask(link, 'RESET synchronous_commit');
}

function ask(link: LeaseLink, text: string): Promise<StatementOutcome> {
  return answered(link, textCall(text));
}

/** Without an answer, as after `query_timeout`, nothing is known of the connection any more. */
async function answered(link: LeaseLink, call: StatementCall): Promise<StatementOutcome> {
  const outcome = await link.ask(call);
  const { error } = outcome;
  if (error instanceof Error && !isServersAnswer(error)) link.abandon(error);
  return outcome;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function setFor(extent: 'LOCAL ' | '', durability: Durability): string {
  return `SET ${extent}synchronous_commit TO ${durability}`;
}
