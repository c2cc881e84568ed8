import { accept, refuse, type Outcome } from '@undermoon/runtime';
import { parseClusterName, type ClusterName } from '../cluster-name.ts';
import { parseEpoch, type Epoch } from '../epoch.ts';
import { parseNodeAddress, type NodeAddress } from '../node-address.ts';

/** The outcome of reading a JSON value; the message begins with the path of the field at fault. */
export type JsonOutcome<T> = Outcome<T, 'INVALID_JSON_FIELD'>;

/** Reads one JSON value. `path` is where it stands, for messages. */
export type JsonParser<T> = (value: unknown, path: string) => JsonOutcome<T>;

/** The members to read of a JSON object: for each property of `T`, the member's key and its parser. */
export type JsonFields<T> = {
  readonly [K in keyof T]-?: readonly [key: string, parse: JsonParser<T[K]>];
};

/** A refusal. `expected` completes "not …". */
export function refuseJson(
  value: unknown,
  path: string,
  expected: string,
): Extract<JsonOutcome<never>, { ok: false }> {
  const fault = value === undefined ? `missing, should be ${expected}` : `not ${expected}`;
  return refuse('INVALID_JSON_FIELD', path === '' ? fault : `${path}: ${fault}`);
}

/** The path of a member. */
export function memberPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** Whether the value is a JSON object (not an array, not null). */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads an object member by member; members that are not asked for are ignored. */
export function parseJsonObject<T extends object>(
  value: unknown,
  path: string,
  fields: JsonFields<T>,
): JsonOutcome<T> {
  if (!isJsonObject(value)) return refuseJson(value, path, 'an object');
  const result: Partial<T> = {};
  for (const name in fields) {
    const [key, parse] = fields[name];
    const member = parse(value[key], memberPath(path, key));
    if (!member.ok) return member;
    result[name] = member.value;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has set every property
  return accept(result as T);
}

/** Reads an array element by element. */
function parseJsonArray<T>(
  value: unknown,
  path: string,
  parse: JsonParser<T>,
): JsonOutcome<readonly T[]> {
  if (!Array.isArray(value)) return refuseJson(value, path, 'an array');
  const result: T[] = [];
  for (const [index, item] of (value as readonly unknown[]).entries()) {
    const element = parse(item, `${path}[${index}]`);
    if (!element.ok) return element;
    result.push(element.value);
  }
  return accept(result);
}

/** A parser of arrays of what `parse` reads. */
export function jsonArrayOf<T>(parse: JsonParser<T>): JsonParser<readonly T[]> {
  return (value, path) => parseJsonArray(value, path, parse);
}

/** A parser that gives `fallback` for an absent or null member. */
export function jsonOptional<T, F>(parse: JsonParser<T>, fallback: F): JsonParser<T | F> {
  return (value, path) =>
    value === undefined || value === null ? accept(fallback) : parse(value, path);
}

/** Reads an epoch. */
export function parseEpochJson(value: unknown, path: string): JsonOutcome<Epoch> {
  const epoch = typeof value === 'number' ? parseEpoch(value) : null;
  return epoch === null
    ? refuseJson(value, path, `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`)
    : accept(epoch);
}

/** Reads an address. */
export function parseAddressJson(value: unknown, path: string): JsonOutcome<NodeAddress> {
  const address = parseNodeAddress(value);
  return address === null ? refuseJson(value, path, 'an address host:port') : accept(address);
}

/** Reads a cluster's name. */
export function parseClusterNameJson(value: unknown, path: string): JsonOutcome<ClusterName> {
  const name = parseClusterName(value);
  return name === null
    ? refuseJson(value, path, 'a cluster name (1 to 31 of A-Z a-z 0-9 @ - _)')
    : accept(name);
}

/** Reads a cluster's name, the empty text being "in no cluster". */
export function parseNoClusterNameJson(
  value: unknown,
  path: string,
): JsonOutcome<ClusterName | null> {
  return value === '' ? accept(null) : parseClusterNameJson(value, path);
}
