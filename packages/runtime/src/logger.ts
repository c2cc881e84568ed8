/** Fields of one log line. Secrets and user values never appear in them. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging; a pino logger fits. A line is a constant message with fields. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Drops every line: the default of every library. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
