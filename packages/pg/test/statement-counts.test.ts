import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { noStatements } from '../src/statement-counts.js';

it('the reasons that statements are counted by are those that docs/observability.md explains', () => {
  const page = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8');
  const [, reasons = ''] = page.split('### Reasons');
  const documented = [...reasons.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, reason]) => reason);
  expect(documented.toSorted()).toEqual(Object.keys(noStatements()).toSorted());
});
