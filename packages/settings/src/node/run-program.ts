import { type Logger, unreachable } from '@undermoon/runtime';

import type { Program, SettingDefinitions } from '../definition.ts';
import { SettingsError } from '../errors.ts';
import { printConfig } from '../print-config.ts';
import type { Environment } from '../environment.ts';
import { readSettings, type Settings } from '../read-settings.ts';
import { readTextFile } from './read-text-file.ts';
import { EXIT_CODES, type RunnableServer, runServer } from './run-server.ts';

/** A server that is ready to listen. */
export interface StartedServer {
  /** The address asked for, for the text when it cannot be had. */
  readonly address: string;
  readonly server: RunnableServer;
  /** Settles when the server asks for its own end; the value is the reason. Rejects when it cannot go on. */
  readonly stopRequested?: Promise<string>;
}

/** What a command adds to its table: its texts, its logger and its server. */
export interface ProgramParts<D extends SettingDefinitions, L extends Logger> {
  readonly program: Program<D>;
  /** The words after the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Prints the help text to stdout. */
  showHelp(): void;
  /** Prints the version to stdout. */
  showVersion(): void;
  /** Makes the logger, which writes to stderr. */
  createLogger(settings: Settings<D>): L;
  /** Makes the server. An error with a code is reported as a refusal of the settings. */
  createServer(settings: Settings<D>, logger: L): StartedServer;
}

/**
 * Runs a command from its arguments to its exit code. The settings file is read from the file system. Errors go to stderr as plain lines that begin
 * with the command's name; everything else that happens goes to the logger.
 */
export async function runProgram<D extends SettingDefinitions, L extends Logger>(
  parts: ProgramParts<D, L>,
): Promise<number> {
  const { program, argv, env } = parts;
  const complain = (text: string): void => {
    for (const line of text.split('\n')) process.stderr.write(`${program.name}: ${line}\n`);
  };
  let settings: Settings<D>;
  try {
    settings = readSettings(program, { argv, env, readFile: readTextFile });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    complain(error.message);
    return EXIT_CODES.usage;
  }
  switch (settings.action) {
    case 'help':
      parts.showHelp();
      return EXIT_CODES.ok;
    case 'version':
      parts.showVersion();
      return EXIT_CODES.ok;
    case 'print-config':
      for (const { text } of settings.warnings) complain(text);
      process.stdout.write(printConfig(program, settings));
      return EXIT_CODES.ok;
    case 'run':
      return run(parts, settings, complain);
    default:
      return unreachable(settings.action);
  }
}

async function run<D extends SettingDefinitions, L extends Logger>(
  parts: ProgramParts<D, L>,
  settings: Settings<D>,
  complain: (text: string) => void,
): Promise<number> {
  const logger = parts.createLogger(settings);
  for (const { code, text } of settings.warnings) logger.warn({ code }, text);
  let started: StartedServer;
  try {
    started = parts.createServer(settings, logger);
  } catch (error) {
    // The libraries refuse options by errors with a code; anything else is a fault of the program.
    if (!(error instanceof Error) || !('code' in error)) throw error;
    complain(error.message);
    return EXIT_CODES.usage;
  }
  return runServer({
    name: parts.program.name,
    logger,
    shutdownTimeoutMs: settings.values.shutdown_timeout,
    switches: settings.switches,
    ...started,
  });
}
