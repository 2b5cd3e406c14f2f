import { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { duringGet, impatient, openPool } from '../integration/stage.js';
import { cluster, type Implementation, stageContracts } from './implementation.js';
import { poolContract, readerContract, serverContract } from './pool-contract.js';

const outside = <T>(body: () => T): T => body();

const plain: Implementation = {
  name: 'pg.Pool',
  Pool: pg.Pool,
  module: 'pg',
  open: async (options) => new pg.Pool({ connectionString: cluster.url, ...options }),
  run: outside,
};

const replicated = { Pool: ReplicatedPool, module: '@node-replicated/pg' };

const ofOneServer: Implementation = {
  ...replicated,
  name: 'ReplicatedPool',
  open: async (options) => new ReplicatedPool({ ...impatient, connectionString: cluster.url, ...options }),
  run: outside,
};

const ofSeveral: Implementation = {
  ...replicated,
  name: 'ReplicatedPool with a replica',
  open: (options) => openPool(cluster, options),
  run: outside,
};

const inAGet: Implementation = {
  ...ofSeveral,
  name: 'ReplicatedPool with a replica, in a GET',
  run: duringGet,
};

stageContracts();
serverContract(plain);
serverContract(ofOneServer);
poolContract(plain);
poolContract(ofOneServer);
poolContract(ofSeveral);
readerContract(inAGet);
