import { Buffer } from 'node:buffer';

/**
 * Compares without telling by its duration where the two differ. The work depends on the secret only: a
 * password of many megabytes would otherwise hold up the loop.
 */
export function secretEquals(given: Uint8Array, secret: string): boolean {
  const wanted = Buffer.from(secret);
  let difference = given.length ^ wanted.length;
  for (let i = 0; i < wanted.length; i++) {
    difference |= (given[i % Math.max(1, given.length)] ?? 0) ^ (wanted[i] ?? 0);
  }
  return difference === 0;
}
