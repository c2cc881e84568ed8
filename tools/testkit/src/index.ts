export { findEngine } from './engine.ts';
export type { Engine } from './engine.ts';
export { freePort, freePorts } from './free-port.ts';
export { startRedis } from './redis-server.ts';
export type { RedisServer, RedisServerOptions } from './redis-server.ts';
