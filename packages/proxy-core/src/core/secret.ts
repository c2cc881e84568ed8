import { Buffer } from 'node:buffer';

/** Compares without telling by its duration where the two differ. */
export function secretEquals(given: Uint8Array, secret: string): boolean {
  const wanted = Buffer.from(secret);
  let difference = given.length ^ wanted.length;
  for (const [i, byte] of given.entries()) {
    difference |= byte ^ (wanted[i % Math.max(1, wanted.length)] ?? 0);
  }
  return difference === 0;
}
