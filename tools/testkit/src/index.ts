export { findEngine } from './engine.ts';
export type { Engine } from './engine.ts';
export { freePort, freePorts } from './free-port.ts';
export { startRedis } from './redis-server.ts';
export type { RedisServer, RedisServerOptions } from './redis-server.ts';
export { installPacked } from './packed-command.ts';
export type { PackedCommand } from './packed-command.ts';
export { startProgram } from './program.ts';
export type { ProgramEnd, ProgramOptions, RunningProgram } from './program.ts';
