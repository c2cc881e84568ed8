export { DEFAULT_RESP_LIMITS, PASS_THROUGH_LIMITS } from './limits.ts';
export type { RespLimits } from './limits.ts';
export { RespProtocolError } from './errors.ts';
export type { RespErrorCode } from './errors.ts';
export { INCOMPLETE, MALFORMED } from './scan-result.ts';
export { RequestScanner, UNBALANCED_QUOTES_TEXT } from './request-scanner.ts';
export { splitInline } from './inline.ts';
export { scanReply } from './reply-scanner.ts';
export { ReplyStream } from './reply-stream.ts';
export { ValueDecoder } from './value-decoder.ts';
export { textOf } from './resp-value.ts';
export type {
  BigNumberValue,
  BooleanValue,
  BulkValue,
  DoubleValue,
  ErrorValue,
  IntegerValue,
  MapValue,
  NullValue,
  RespPairs,
  RespValue,
  SequenceValue,
  SimpleValue,
  VerbatimValue,
} from './resp-value.ts';
export { RespWriter } from './writer.ts';
export { encodeCommand } from './encode-command.ts';
