/** What is used of a client of ioredis: its `Redis` and its `Cluster` have it. Each call names one key. */
export interface RedisClient {
  evalsha(sha1: string, keys: number, ...given: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...given: string[]): Promise<unknown>;
}
