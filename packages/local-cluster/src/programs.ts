/**
 * The door for tests that start server programs of other kinds, such as an HA engine: in a folder that does not
 * outlive the process, on free ports, as an unprivileged user, and ended by their own process ids.
 */
export { type CleanupGuard, guardFolder } from './cleanup.js';
export { makeClusterFolder, newClusterFolder } from './cluster-folder.js';
export { freePort } from './free-port.js';
export { childrenOf, listProcesses, type ProcessInfo, sendSignal } from './processes.js';
export { removeRemains } from './remains.js';
export { type RunAs, serverEnvironment, spawnIdentity, unprivilegedUser } from './run-as.js';
export { type WaitOptions, waitUntil } from './wait-until.js';
