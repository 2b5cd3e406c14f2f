import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as adapter from '../src/adapter.js';
import * as index from '../src/index.js';

/** The types that a door lets out; they leave no trace at run time, so the source is read. */
function typesOf(door: string): readonly string[] {
  const source = readFileSync(new URL(`../src/${door}`, import.meta.url), 'utf8');
  return [...source.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, all, list = '']) =>
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && (all !== undefined || name.startsWith('type ')))
      .map((name) => name.replace(/^type /, '')),
  );
}

describe('the door for applications', () => {
  test('lets out exactly these values', () => {
    expect(Object.keys(index).toSorted()).toEqual([
      'MemoryPinStore',
      'ReplicationError',
      'currentReplication',
      'defineReplication',
      'errorCodes',
      'exportPin',
      'onReplicationEvent',
      'replicationCounts',
      'runWithPin',
      'runWithReplication',
      'usePrimary',
      'useReplica',
    ]);
  });

  test('lets out exactly these types', () => {
    expect(typesOf('index.ts').toSorted()).toEqual([
      'Consistency',
      'Decision',
      'Durability',
      'ErrorCode',
      'NodeChangedEvent',
      'NodeUse',
      'Overrides',
      'PinCookieOptions',
      'PinOptions',
      'PinStore',
      'PinStoreOptions',
      'Reason',
      'ReplicationConfig',
      'ReplicationEventName',
      'ReplicationEvents',
      'ReplicationOptions',
      'ReplicationState',
      'Role',
      'RoleName',
      'RoleRule',
      'RoleRuleInput',
      'RunWithPinOptions',
      'RunWithReplicationOptions',
      'StatementEvent',
      'UsePrimaryOptions',
      'UseReplicaOptions',
    ]);
  });
});

describe('the door for adapters', () => {
  test('lets out exactly these values', () => {
    expect(Object.keys(adapter).toSorted()).toEqual([
      'RequestReplication',
      'badOption',
      'clusterNamePattern',
      'currentScope',
      'eventChannel',
      'openRequest',
      'outsideDecision',
      'publish',
      'readOnlyAnswer',
      'readyToSeal',
      'registerCluster',
      'requireSettings',
      'requiresPosition',
      'runInScope',
      'runWithSwitch',
      'sealResponse',
      'toRoleRule',
      'toRoleSwitch',
    ]);
  });

  test('lets out exactly these types', () => {
    expect(typesOf('adapter.ts').toSorted()).toEqual([
      'Cluster',
      'Decision',
      'OperationType',
      'PinObserver',
      'ReadOnlyAnswer',
      'Reason',
      'RequestFacts',
      'RoleSwitch',
      'Scope',
      'Seal',
      'Session',
    ]);
  });
});
