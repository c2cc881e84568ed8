import { parse, TomlError } from 'smol-toml';

import { SettingsError } from './errors.ts';

/** Reads a whole file as text. Throws an error with a Node.js code such as `ENOENT` when it cannot. */
export type ReadFile = (path: string) => string;

/** The top level of a TOML file, with the path under which it was found. */
export interface TomlFile {
  readonly path: string;
  readonly values: ReadonlyMap<string, unknown>;
}

/**
 * Reads a TOML file; the ending `.toml` may be left off.
 * @throws SettingsError when the file is missing, unreadable or not TOML
 */
export function readTomlFile(path: string, readFile: ReadFile): TomlFile {
  const found = readEither(path, readFile);
  const text = found.text.startsWith('\uFEFF') ? found.text.slice(1) : found.text;
  try {
    return { path: found.path, values: new Map(Object.entries(parse(text))) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalidToml(found.path, error);
  }
}

function readEither(path: string, readFile: ReadFile): { path: string; text: string } {
  for (const candidate of path.endsWith('.toml') ? [path] : [path, `${path}.toml`]) {
    try {
      return { path: candidate, text: readFile(candidate) };
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT') continue;
      const text = `cannot read ${candidate}: ${reasonOf(code, error)}`;
      throw new SettingsError({ code: 'FILE_UNREADABLE', text });
    }
  }
  throw new SettingsError({ code: 'FILE_NOT_FOUND', text: `there is no file ${path}` });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function reasonOf(code: string | undefined, error: unknown): string {
  if (code === 'EISDIR') return 'it is a folder';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
}

// The parser's own message goes on with the lines around the fault, which may hold a password.
function invalidToml(path: string, error: TomlError): SettingsError {
  const [firstLine = ''] = error.message.split('\n');
  const reason = firstLine.replace(/^Invalid TOML document: /, '');
  const text = `${path}, line ${error.line}, column ${error.column}: not valid TOML: ${reason}`;
  return new SettingsError({ code: 'INVALID_TOML', text });
}
