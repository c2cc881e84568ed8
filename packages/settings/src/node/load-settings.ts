import { readFileSync } from 'node:fs';

import type { Program, SettingDefinitions } from '../definition.ts';
import { readSettings, type Settings } from '../read-settings.ts';

/**
 * Reads a program's settings from this process: its arguments, its environment and the file system.
 * @throws SettingsError with all wrong values at once
 */
export function loadSettings<D extends SettingDefinitions>(program: Program<D>): Settings<D> {
  return readSettings(program, {
    argv: process.argv.slice(2),
    env: process.env,
    readFile: (path) => new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)),
  });
}
