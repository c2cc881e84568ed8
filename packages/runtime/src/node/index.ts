export { makeFolders } from './make-folders.ts';
export { systemClock } from './system-clock.ts';
export { systemRandom } from './system-random.ts';
