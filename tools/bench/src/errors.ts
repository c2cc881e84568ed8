/** Why the bench could not measure. */
export type BenchErrorCode =
  /** A load came to no end, or got errors. Whether the server or the machine is at fault is not known. */
  'LOAD_FAILED';

export class BenchError extends Error {
  readonly code: BenchErrorCode;

  constructor(code: BenchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BenchError';
    this.code = code;
  }
}
