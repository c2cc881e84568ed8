import type { BrokerErrorCode } from '@undermoon/broker-api';

/**
 * Why a broker failed: a code of the HTTP API, or
 * - `INVALID_OPTION`: an option of `createBroker` is out of its domain;
 * - `LISTEN_FAILED`: the address cannot be listened on;
 * - `STORE_DAMAGED`: what is stored is torn, altered, or contradicts itself;
 * - `STORE_LOCKED`: another broker uses the same file;
 * - `STORE_UNREADABLE`: the store cannot be opened;
 * - `AUDIT_UNREADABLE`: the audit file cannot be opened;
 * - `NOT_RUNNING`: the broker was not started, or was stopped already.
 */
export type BrokerFailureCode =
  | BrokerErrorCode
  | 'INVALID_OPTION'
  | 'LISTEN_FAILED'
  | 'STORE_DAMAGED'
  | 'STORE_LOCKED'
  | 'STORE_UNREADABLE'
  | 'AUDIT_UNREADABLE'
  | 'NOT_RUNNING';

/** A failure of the broker or of what it depends on. */
export class BrokerError extends Error {
  readonly code: BrokerFailureCode;
  /** The request's member at fault, where there is one. */
  readonly field: string | null;

  constructor(
    code: BrokerFailureCode,
    message: string,
    detail: { readonly cause?: unknown; readonly field?: string } = {},
  ) {
    super(message, detail.cause === undefined ? {} : { cause: detail.cause });
    this.name = 'BrokerError';
    this.code = code;
    this.field = detail.field ?? null;
  }
}

/** The `code` of a system error (`ENOENT`, …), or an empty text. */
export function systemCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
