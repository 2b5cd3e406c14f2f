export type { RedisClient } from './redis-client.js';
export { RedisPinStore, type RedisPinStoreOptions } from './redis-pin-store.js';
