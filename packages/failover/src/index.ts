export { createCoordinator } from './shell/coordinator.ts';
export type { Coordinator } from './shell/coordinator.ts';
export type { CoordinatorOptions } from './options.ts';
export type { CoordinatorNotice } from './core/notice.ts';
export type { CoordinatorStatus } from './core/state.ts';
export { FailoverError } from './errors.ts';
export type { FailoverErrorCode } from './errors.ts';
