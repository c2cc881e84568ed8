import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { CommandError, errorCodeOf } from '../errors.ts';

/** The programs that `up` starts besides Redis servers. */
export type ProgramName = 'undermoon-broker' | 'undermoon-coordinator' | 'undermoon-proxy';

/**
 * The JavaScript file of another program, which is a dependency of this one.
 * @throws CommandError PROGRAM_MISSING
 */
export function programFile(name: ProgramName): string {
  const manifest = manifestOf(name);
  const bin = binOf(manifest, name);
  if (bin === null) throw missing(name, `${manifest} names no program of that name`);
  const file = path.resolve(path.dirname(manifest), bin);
  if (!existsSync(file)) throw missing(name, `there is no ${file}`);
  return file;
}

function manifestOf(name: ProgramName): string {
  try {
    return createRequire(import.meta.url).resolve(`${name}/package.json`);
  } catch (error) {
    if (errorCodeOf(error) !== 'MODULE_NOT_FOUND') throw error;
    throw missing(name, 'it is not installed');
  }
}

function binOf(manifest: string, name: ProgramName): string | null {
  const value: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  if (typeof value !== 'object' || value === null || !('bin' in value)) return null;
  const { bin } = value;
  if (typeof bin === 'string') return bin;
  if (typeof bin !== 'object' || bin === null) return null;
  const entry: unknown = Object.entries(bin).find(([key]) => key === name)?.[1];
  return typeof entry === 'string' ? entry : null;
}

function missing(name: ProgramName, reason: string): CommandError {
  const fix = 'install undermoon again, or in a checkout of its repository run: pnpm run build';
  return new CommandError('PROGRAM_MISSING', `cannot start ${name}: ${reason}; ${fix}`);
}
