/** Why a command did not do what it was asked for. */
export type CommandErrorCode =
  /** Wrong words or values on the command line. */
  | 'USAGE'
  /** The folder belongs to another run, or is not one of `up`. */
  | 'FOLDER_IN_USE'
  | 'FOLDER_FOREIGN'
  | 'FOLDER_UNUSABLE'
  | 'PORT_TAKEN'
  | 'NO_ENGINE'
  | 'PROGRAM_MISSING'
  /** A child process ended or could not be started. */
  | 'CHILD_FAILED'
  | 'NOT_READY'
  | 'PROOF_FAILED'
  /** The broker refused, or could not be asked. */
  | 'BROKER'
  | 'REFUSED'
  /** The start was interrupted. */
  | 'INTERRUPTED';

/** A failure with a text for people. Everything else that is thrown is a fault of this program. */
export class CommandError extends Error {
  readonly code: CommandErrorCode;

  constructor(code: CommandErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.code = code;
  }
}

/** The value of `code` of a system error, or an empty text. */
export function errorCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
