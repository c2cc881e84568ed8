import type { Buffer } from 'node:buffer';
import { type ConfigSource, isAbout, OF_SERVERS, readOnlyParameter } from './config-table.ts';
import { elementsOf } from './fan-out.ts';
import type { Fields } from './info.ts';

/** The parameter that CONFIG SET changes on the servers. */
export const SET_ON_SERVERS = 'notify-keyspace-events';

const GIVEN_ALONE = 'it is set on the Redis servers: give it alone, and outside of MULTI';
const OF_FIRST = 'That of the first Redis server behind the proxy';

/** Parameters of the servers that clients ask for, without their values. */
export const SERVER_PARAMETERS: ConfigSource = [
  ofServer('busy-reply-threshold', `${OF_FIRST}.`, OF_SERVERS),
  ofServer('lua-time-limit', `${OF_FIRST}.`, OF_SERVERS),
  ofServer(SET_ON_SERVERS, `${OF_FIRST}; \`CONFIG SET\` changes all of them.`, GIVEN_ALONE),
];

function ofServer(name: string, meaning: string, reason: string): ConfigSource[number] {
  return readOnlyParameter(name, () => '', { meaning, reason });
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
