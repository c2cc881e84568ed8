import { unreachable } from '@undermoon/runtime';

import type {
  AddressSetting,
  EnumSetting,
  IntSetting,
  ListSetting,
  SettingDefinition,
  SettingValue,
  StringSetting,
} from './definition.ts';

/**
 * Brings a raw value, which is text from flags and variables and anything from TOML, to the type of
 * the setting. Returns undefined when it does not fit; null is not a result.
 */
export function coerce(definition: SettingDefinition, raw: unknown): SettingValue | undefined {
  switch (definition.type) {
    case 'string':
      return coerceString(definition, raw);
    case 'int':
      return coerceInt(definition, raw);
    case 'bool':
      return coerceBool(raw);
    case 'address':
      return coerceAddress(definition, raw);
    case 'list':
      return coerceList(definition, raw);
    case 'enum':
      return coerceEnum(definition, raw);
    default:
      return unreachable(definition);
  }
}

/** What a setting wants, for "expected …". */
export function expectationOf(definition: SettingDefinition): string {
  switch (definition.type) {
    case 'string':
      return definition.isEmptyAllowed === false ? 'a text that is not empty' : 'a text';
    case 'int':
      return `a whole number${rangeOf(definition)}`;
    case 'bool':
      return 'true or false';
    case 'address':
      return definition.isEmptyAllowed === true
        ? 'an address host:port or an empty text'
        : 'an address host:port';
    case 'list':
      return 'addresses host:port, as an array or separated by commas';
    case 'enum':
      return `one of ${definition.values.join(', ')}`;
    default:
      return unreachable(definition);
  }
}

/** The limits of a number as words that follow "a whole number", with its unit. */
export function rangeOf({ min, max, unit }: IntSetting): string {
  const ofUnit = unit === undefined ? '' : ` of ${unit}`;
  if (min !== undefined && max !== undefined) return `${ofUnit} from ${min} to ${max}`;
  if (min !== undefined) return `${ofUnit}, at least ${min}`;
  return max === undefined ? ofUnit : `${ofUnit}, at most ${max}`;
}

const TRUE_WORDS: ReadonlySet<string> = new Set(['1', 'true', 'on', 'yes']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['0', 'false', 'off', 'no']);

/** Reads the words for true and false, in any case; undefined for any other text. */
export function parseBoolWord(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  return FALSE_WORDS.has(word) ? false : undefined;
}

function coerceString(definition: StringSetting, raw: unknown): string | undefined {
  const isPlain = typeof raw === 'number' || typeof raw === 'boolean';
  const text = isPlain ? String(raw) : raw;
  if (typeof text !== 'string') return undefined;
  return text === '' && definition.isEmptyAllowed === false ? undefined : text;
}

function coerceInt({ min, max }: IntSetting, raw: unknown): number | undefined {
  const value = wholeNumberOf(raw);
  if (value === undefined || !Number.isSafeInteger(value)) return undefined;
  if (min !== undefined && value < min) return undefined;
  return max !== undefined && value > max ? undefined : value;
}

function wholeNumberOf(raw: unknown): number | undefined {
  if (typeof raw === 'number') return Math.round(raw);
  if (typeof raw === 'boolean') return raw ? 1 : 0;
  if (typeof raw !== 'string') return undefined;
  if (/^\s*[+-]?\d{1,16}\s*$/.test(raw)) return Number(raw);
  const word = parseBoolWord(raw);
  return word === undefined ? undefined : Number(word);
}

function coerceBool(raw: unknown): boolean | undefined {
  if (typeof raw === 'boolean') return raw;
  if (typeof raw === 'number') return parseBoolWord(String(raw));
  return typeof raw === 'string' ? parseBoolWord(raw) : undefined;
}

const ADDRESS = /^(\[[0-9A-Fa-f:.%]+\]|[^\s:[\],]+):(\d{1,5})$/;

function coerceAddress(definition: AddressSetting, raw: unknown): string | undefined {
  if (typeof raw !== 'string') return undefined;
  const text = raw.trim();
  if (text === '') return definition.isEmptyAllowed === true ? '' : undefined;
  return isAddress(text, definition.isListener === true ? 0 : 1) ? text : undefined;
}

function isAddress(text: string, portMin: number): boolean {
  const port = Number(ADDRESS.exec(text)?.[2] ?? -1);
  return text.length <= 300 && port >= portMin && port <= 65_535;
}

function coerceList(_definition: ListSetting, raw: unknown): readonly string[] | undefined {
  const parts: unknown = typeof raw === 'string' ? splitCommas(raw) : raw;
  if (!Array.isArray(parts)) return undefined;
  const addresses: string[] = [];
  for (const part of parts as readonly unknown[]) {
    if (typeof part !== 'string' || !isAddress(part.trim(), 1)) return undefined;
    addresses.push(part.trim());
  }
  return addresses;
}

// One comma at the end is tolerated, as in the lists that existing deployments pass.
function splitCommas(text: string): readonly string[] {
  const parts = text.split(',');
  return parts.at(-1)?.trim() === '' ? parts.slice(0, -1) : parts;
}

function coerceEnum({ values }: EnumSetting, raw: unknown): string | undefined {
  if (typeof raw !== 'string') return undefined;
  const word = raw.trim().toLowerCase();
  return values.find((value) => value.toLowerCase() === word);
}
