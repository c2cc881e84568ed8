import type { BrokerErrorCode } from '../codes.ts';

/**
 * Why a call failed: a code that a broker answered with, or
 * - `BROKER_UNREACHABLE`: no broker of the list could be connected to, or the connection broke;
 * - `BROKER_TIMEOUT`: no whole answer within the time limit;
 * - `BAD_RESPONSE`: an answer that is not of the contract.
 */
export type BrokerClientErrorCode =
  | BrokerErrorCode
  | 'BROKER_UNREACHABLE'
  | 'BROKER_TIMEOUT'
  | 'BAD_RESPONSE';

/** What is known about a failed call, besides its code. */
export interface BrokerClientErrorDetail {
  readonly broker?: string;
  readonly status?: number;
  readonly field?: string;
  readonly cause?: unknown;
}

/** A call to a broker that did not succeed. */
export class BrokerClientError extends Error {
  readonly code: BrokerClientErrorCode;
  /** The HTTP status, or null when there was no answer. */
  readonly status: number | null;
  /** The request's member that the broker objected to, where it names one. */
  readonly field: string | null;
  /** The broker asked last, `host:port`. */
  readonly broker: string | null;

  constructor(code: BrokerClientErrorCode, message: string, detail: BrokerClientErrorDetail = {}) {
    super(message, detail.cause === undefined ? {} : { cause: detail.cause });
    this.name = 'BrokerClientError';
    this.code = code;
    this.status = detail.status ?? null;
    this.field = detail.field ?? null;
    this.broker = detail.broker ?? null;
  }
}
