import { describe } from 'vitest';
import { headersContract } from './headers-contract.js';
import { holdContract } from './hold-contract.js';
import type { Implementation } from './implementation.js';
import { pinContract } from './pin-contract.js';
import { readOnlyContract } from './read-only-contract.js';
import { routingContract } from './routing-contract.js';
import { scopeContract } from './scope-contract.js';
import { timingContract } from './timing-contract.js';

/** What every adapter of a web framework keeps to, over real connections. */
export function httpContract(implementation: Implementation): void {
  describe(implementation.name, () => {
    describe('where statements go', () => routingContract(implementation));
    describe('the pin', () => pinContract(implementation));
    describe('the position of what was written', () => holdContract(implementation));
    describe('headers', () => headersContract(implementation));
    describe('what it says of its nodes', () => timingContract(implementation));
    describe('without a primary', () => readOnlyContract(implementation));
    describe('the scope', () => scopeContract(implementation));
  });
}
