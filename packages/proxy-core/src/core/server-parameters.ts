import type { Buffer } from 'node:buffer';
import { type ConfigSource, isAbout, isSameName, readOnlyParameter } from './config-table.ts';
import { elementsOf } from './fan-out.ts';
import type { Fields } from './info.ts';

const GIVEN_APART =
  'it is set on the Redis servers: give it without parameters of the proxy, and outside of MULTI';
const MEANING =
  'That of the first Redis server behind the proxy; `CONFIG SET` changes all of them.';

/** Parameters of the servers that clients ask for or change, without their values. */
export const SERVER_PARAMETERS: ConfigSource = [
  'appendfsync',
  'appendonly',
  'busy-reply-threshold',
  'latency-tracking',
  'lua-time-limit',
  'maxmemory',
  'maxmemory-policy',
  'notify-keyspace-events',
  'save',
].map((name) => readOnlyParameter(name, () => '', { meaning: MEANING, reason: GIVEN_APART }));

/** The servers' name for a parameter of theirs; null: it is none. */
export function serverNameOf(name: string): string | null {
  return SERVER_PARAMETERS.find((parameter) => isSameName(parameter.name, name))?.name ?? null;
}

/** Those whose values a server told. */
export function toldParameters(told: Fields): ConfigSource {
  return told.map(([name, value]) => readOnlyParameter(name, () => String(value)));
}

/** Which of these parameters CONFIG GET asks for. */
export function namesOfServers(patterns: readonly string[]): readonly string[] {
  const names = SERVER_PARAMETERS.map(({ name }) => name);
  return names.filter((name) => patterns.some((pattern) => isAbout(pattern, name)));
}

/** What a server answered to CONFIG GET of each of `names`. What it does not know, or refuses, is left out. */
export function toldValues(names: readonly string[], replies: readonly Buffer[]): Fields {
  return names.flatMap((name, i) => {
    const reply = replies[i];
    const value = reply === undefined ? undefined : elementsOf(reply)[1];
    if (value === undefined) return [];
    const start = value.indexOf('\n') + 1;
    return [[name, value.toString('latin1', start, value.length - 2)] as const];
  });
}
