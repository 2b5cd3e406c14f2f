import { afterEach, describe, expect, test } from 'vitest';
import { type Cluster, isReadOnly, registerCluster } from '../src/cluster-registry.js';
import { currentReplication } from '../src/scope.js';

const forgets: (() => void)[] = [];
afterEach(() => {
  for (const forget of forgets.splice(0)) forget();
});

function register(cluster: Cluster): () => void {
  const forget = registerCluster(cluster);
  forgets.push(forget);
  return forget;
}

describe('the process is read-only', () => {
  test('not without any cluster', () => {
    expect(isReadOnly()).toBe(false);
  });

  test('while any of its clusters has no primary', () => {
    const main = { name: 'main', readOnly: false };
    register({ name: 'posts', readOnly: false });
    register(main);
    expect(isReadOnly()).toBe(false);
    main.readOnly = true;
    expect(isReadOnly()).toBe(true);
    expect(currentReplication().readOnly).toBe(true);
  });

  test('not because of a cluster that was taken back', () => {
    const forget = register({ name: 'main', readOnly: true });
    forget();
    forget();
    expect(isReadOnly()).toBe(false);
  });

  test('still because of the other one when one of two is taken back', () => {
    register({ name: 'main', readOnly: true });
    register({ name: 'posts', readOnly: true })();
    expect(isReadOnly()).toBe(true);
  });
});
