/** Why a proxy call failed. */
export type ProxyErrorCode =
  /** An option has a wrong value; the message names it. */
  | 'INVALID_OPTION'
  /** The address cannot be listened on. */
  | 'CANNOT_LISTEN'
  /** `setMetadata`: the message is the error reply that a coordinator would get. */
  | 'METADATA_REFUSED'
  /** The proxy was closed or destroyed. */
  | 'CLOSED';

/** A failure of the proxy as a whole. Errors of single commands are RESP replies, not exceptions. */
export class ProxyError extends Error {
  readonly code: ProxyErrorCode;

  constructor(code: ProxyErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ProxyError';
    this.code = code;
  }
}
