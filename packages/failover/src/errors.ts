/**
 * What this package fails with, and the codes found in notices:
 * - `INVALID_OPTION`: an option of `createCoordinator`; the message names it;
 * - `LISTEN_FAILED`: the address cannot be listened on; the cause is the operating system's error;
 * - `CLOSED`: the coordinator, or the connection, was closed meanwhile;
 * - `PROXY_UNREACHABLE`, `PROXY_TIMEOUT`, `PROXY_CONNECTION_LOST`: no answer from a proxy;
 * - `PROXY_NOT_MY_META`: the proxy announces another host than the metadata gives it;
 * - `PROXY_TRY_AGAIN`, `PROXY_REFUSED`, `PROXY_BAD_REPLY`: it answered, but did not do it;
 * - `EFFECT_TIMEOUT`: work that outlived its time limit;
 * - `UNEXPECTED`: a defect; the log has the details.
 */
export type FailoverErrorCode =
  | 'INVALID_OPTION'
  | 'LISTEN_FAILED'
  | 'CLOSED'
  | 'PROXY_UNREACHABLE'
  | 'PROXY_TIMEOUT'
  | 'PROXY_CONNECTION_LOST'
  | 'PROXY_NOT_MY_META'
  | 'PROXY_TRY_AGAIN'
  | 'PROXY_REFUSED'
  | 'PROXY_BAD_REPLY'
  | 'EFFECT_TIMEOUT'
  | 'UNEXPECTED';

/** A failure with a code. */
export class FailoverError extends Error {
  readonly code: FailoverErrorCode;

  constructor(code: FailoverErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'FailoverError';
    this.code = code;
  }
}
