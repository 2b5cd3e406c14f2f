export { attachScope } from './attach-scope.js';
export type { HttpRequest } from './http-facts.js';
export {
  type HttpResponse,
  type Replicated,
  type ReplicationHandler,
  replicationHandler,
} from './replication-handler.js';
