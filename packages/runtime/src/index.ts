export type { CancelTimer, Clock, Millis } from './clock.ts';
export { silentLogger } from './logger.ts';
export type { LogFields, Logger } from './logger.ts';
export { accept, refuse } from './outcome.ts';
export type { Outcome } from './outcome.ts';
export type { Random } from './random.ts';
export type { Step } from './step.ts';
export { unreachable } from './unreachable.ts';
