export { attachScope } from './attach-scope.js';
export type { HttpRequest, HttpResponse } from './http-facts.js';
export {
  type Replicated,
  type ReplicationHandler,
  replicationHandler,
} from './replication-handler.js';
