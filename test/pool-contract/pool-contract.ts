import { describe } from 'vitest';
import { callbackContract } from './callback-contract.js';
import { clientContract } from './client-contract.js';
import { constructionContract } from './construction-contract.js';
import { endingContract } from './ending-contract.js';
import { eventsContract } from './events-contract.js';
import { hooksContract } from './hooks-contract.js';
import { identityContract } from './identity-contract.js';
import { declareFor, type Implementation } from './implementation.js';
import { lossContract } from './loss-contract.js';
import { processContract } from './process-contract.js';
import { releaseContract } from './release-contract.js';
import { removalContract } from './removal-contract.js';
import { settingsContract } from './settings-contract.js';
import { sizingContract } from './sizing-contract.js';
import { statementContract } from './statement-contract.js';
import { submittableContract } from './submittable-contract.js';
import { unreachableContract } from './unreachable-contract.js';

/** All that users of `pg.Pool` know it by. */
export function poolContract(implementation: Implementation): void {
  const it = declareFor(implementation);
  describe(implementation.name, () => {
    describe('statements', () => statementContract(it));
    describe('callbacks', () => callbackContract(it));
    describe('sizes and waiting', () => sizingContract(it));
    describe('removal', () => removalContract(it));
    describe('release', () => releaseContract(it));
    describe('loss', () => lossContract(it));
    describe('the end', () => endingContract(it));
    describe('events', () => eventsContract(it));
    describe('hooks', () => hooksContract(it));
    describe('a client', () => clientContract(it));
    describe('the identity of clients', () => identityContract(it));
    describe('submittables', () => submittableContract(it));
    describe('settings', () => settingsContract(it));
  });
}

/** What holds besides where there is one server, and nobody else to wait for. */
export function serverContract(implementation: Implementation): void {
  const it = declareFor(implementation);
  describe(`${implementation.name}, of one server`, () => {
    describe('construction', () => constructionContract(it, implementation));
    describe('no server', () => unreachableContract(it, implementation));
    describe('the process', () => processContract(it, implementation));
  });
}

/** What holds also for a client whose statements may begin on a replica. */
export function readerContract(implementation: Implementation): void {
  const it = declareFor(implementation);
  describe(implementation.name, () => {
    describe('statements', () => statementContract(it));
    describe('callbacks', () => callbackContract(it));
    describe('a client', () => clientContract(it));
    describe('submittables', () => submittableContract(it));
  });
}
