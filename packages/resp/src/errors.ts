/** Why a peer's bytes were refused. */
export type RespErrorCode =
  | 'UNKNOWN_TYPE'
  | 'INVALID_LENGTH'
  | 'INVALID_NUMBER'
  | 'INVALID_LINE'
  | 'INVALID_BULK'
  | 'BULK_TOO_LONG'
  | 'LINE_TOO_LONG'
  | 'TOO_MANY_ELEMENTS'
  | 'TOO_DEEP'
  | 'INPUT_NOT_DRAINED';

/**
 * The peer broke the protocol or a limit; `code` says how. The connection it came from cannot be
 * read any further, because the start of the next reply is unknown.
 */
export class RespProtocolError extends Error {
  readonly code: RespErrorCode;

  constructor(code: RespErrorCode, message: string) {
    super(message);
    this.name = 'RespProtocolError';
    this.code = code;
  }
}
