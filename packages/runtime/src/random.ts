/** Randomness as an argument. */
export interface Random {
  /** A number at least 0 and below 1. */
  next(): number;
  /** `byteCount` random bytes, in lower-case hexadecimal. */
  hex(byteCount: number): string;
}
