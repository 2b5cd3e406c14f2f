import type { Durability } from '@node-replicated/core';
import type { Decision, Session } from '@node-replicated/core/adapter';
import type { LeaseLink } from './lease-link.js';
import { isSeveral } from './sql-text.js';
import { beginsReadOnly, commits } from './statement.js';
import type { AnyResult, StatementCall } from './statement-call.js';

/** A statement of a leased client, with the decision that held when it was handed in. */
export interface LeaseJob {
  readonly call: StatementCall;
  /** Replaced when the read has to make do with less. */
  decision: Decision;
  readonly session: Session | undefined;
  /** What a commit waits for; undefined: what the database is set to. */
  readonly durability: Durability | undefined;
  readonly resolve: (result: AnyResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether a statement outside any transaction has to run on the writer, as far as its text tells. */
export function needsWriter({ call: { kind, text }, decision }: LeaseJob): boolean {
  if (decision.writes) return true;
  if (kind === 'begin') return !(isExplicitReplica(decision) || beginsReadOnly(text));
  return kind === 'write' || kind === 'session';
}

function isExplicitReplica({ role, reason }: Decision): boolean {
  return role === 'replica' && (reason === 'forced' || reason === 'override' || reason === 'header');
}

/** Whether a statement may have taken effect although its connection was lost: not inside an open transaction. */
export function isUncertain(link: LeaseLink, { kind, text }: StatementCall): boolean {
  return !link.inTransaction || isSeveral(text) || (kind === 'end' && commits(text));
}
