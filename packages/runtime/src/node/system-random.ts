import { randomBytes } from 'node:crypto';
import type { Random } from '../random.ts';

/** The process's randomness. */
export const systemRandom: Random = {
  next: () => Math.random(),
  hex: (byteCount) => randomBytes(byteCount).toString('hex'),
};
