import type { RespWriter } from '@undermoon/resp';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ERROR_TEXT_LENGTH_MAX = 512;

/** An argument as text. Null: there is none, or it is not UTF-8. */
export function wordAt(args: readonly Uint8Array[], index: number): string | null {
  const bytes = args[index];
  if (bytes === undefined) return null;
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The arguments from `start` on; or the index of the first that is not UTF-8. */
export function wordsFrom(args: readonly Uint8Array[], start: number): string[] | number {
  const words: string[] = [];
  for (let i = start; i < args.length; i++) {
    const word = wordAt(args, i);
    if (word === null) return i;
    words.push(word);
  }
  return words;
}

/** Writes an error reply of bounded length: it may quote what the client sent. */
export function writeError(writer: RespWriter, text: string): void {
  writer.error(
    text.length > ERROR_TEXT_LENGTH_MAX ? `${text.slice(0, ERROR_TEXT_LENGTH_MAX)}…` : text,
  );
}

/** Redis' error for a wrong number of arguments; sub-commands are written `config|get`. */
export function writeArityError(writer: RespWriter, command: string): void {
  writeError(writer, `ERR wrong number of arguments for '${command}' command`);
}

/** Redis' error for a sub-command it does not have. */
export function writeUnknownSubcommand(writer: RespWriter, command: string, given: string): void {
  const shown = given.slice(0, 128);
  writeError(writer, `ERR unknown subcommand '${shown}'. Try ${command} HELP.`);
}
