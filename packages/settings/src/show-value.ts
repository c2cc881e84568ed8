import type { SettingDefinition } from './definition.ts';

/** What stands for a secret in every text. */
export const MASK = '********';

const SHOWN_LENGTH_MAX = 60;

/** A refused raw value for a message: short, on one line, and masked when the setting is a secret. */
export function showRaw(definition: SettingDefinition, raw: unknown): string {
  if (definition.secret === true) return 'a value that is not shown';
  if (typeof raw === 'string') return shorten(JSON.stringify(raw));
  if (raw instanceof Date) return 'a date';
  if (Array.isArray(raw)) return shorten(`the array ${JSON.stringify(raw)}`);
  const isPlain = typeof raw === 'number' || typeof raw === 'boolean' || typeof raw === 'bigint';
  return isPlain ? String(raw) : 'a table';
}

function shorten(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}
