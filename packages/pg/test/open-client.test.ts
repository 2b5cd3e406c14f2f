import pg from 'pg';
import { expect, test } from 'vitest';
import { openClient } from '../src/open-client.js';

test('a connect that throws is told to the door of its node, which would stay closed otherwise', async () => {
  const refusal = new Error('not this way');
  class Throwing extends pg.Client {
    override connect(): never {
      throw refusal;
    }
  }
  const told: unknown[] = [];
  const doorkeeper = { refusal: () => undefined, onTried: (error: Error | undefined) => told.push(error) };
  const opening = openClient(new Throwing(), { config: {}, prove: async () => undefined, doorkeeper });
  await expect(opening).rejects.toBe(refusal);
  expect(told).toEqual([refusal]);
});
