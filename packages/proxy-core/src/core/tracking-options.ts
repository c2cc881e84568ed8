import { Buffer } from 'node:buffer';
import { accept, type Outcome, refuse } from '@undermoon/runtime';
import { integerOf } from './command-argument.ts';

/** How a client wants to be told which keys change. */
export interface TrackingOptions {
  /** Of every key with one of the prefixes, whether the client has read it or not. */
  readonly isBroadcast: boolean;
  /** Only of keys read behind CLIENT CACHING YES; of all but those read behind CLIENT CACHING NO. */
  readonly isOptIn: boolean;
  readonly isOptOut: boolean;
  /** Not of changes that it makes itself. */
  readonly isNoLoop: boolean;
  /** The number of the client that is told instead; 0: the client itself. */
  readonly redirect: number;
  /** In the order of their bytes, one character per byte. With `isBroadcast` there is at least one. */
  readonly prefixes: readonly string[];
}

/** What comes of the arguments. */
export interface TrackingRequest {
  /** The client that REDIRECT names first; it has to exist whatever else is wrong. Null: none. */
  readonly redirect: number | null;
  /** The wanted options, null for OFF; or the error's text with its code, one character per byte. */
  readonly outcome: Outcome<TrackingOptions | null, 'REFUSED'>;
}

interface Words {
  readonly isBroadcast: boolean;
  readonly isOptIn: boolean;
  readonly isOptOut: boolean;
  readonly isNoLoop: boolean;
  readonly redirect: number;
  readonly prefixes: readonly string[];
}

const NO_WORDS: Words = {
  isBroadcast: false,
  isOptIn: false,
  isOptOut: false,
  isNoLoop: false,
  redirect: 0,
  prefixes: [],
};
const SYNTAX = 'ERR syntax error';
const OTHER_MODE =
  'before disabling tracking for this client, and then re-enabling it with a different mode.';

/**
 * CLIENT TRACKING ON|OFF with its options; `args` are those behind TRACKING, `known` is what is in force, null:
 * nothing. Errors as in Redis, in its order.
 */
export function parseTracking(
  args: readonly Buffer[],
  known: TrackingOptions | null,
): TrackingRequest {
  const [mode = Buffer.alloc(0), ...options] = args;
  let words = NO_WORDS;
  let redirect: number | null = null;
  for (let i = 0; i < options.length; i++) {
    const option = textOf(options[i]).toLowerCase();
    const value = options[i + 1];
    const flag = FLAGS.get(option);
    if (flag !== undefined) words = { ...words, [flag]: true };
    else if (option === 'redirect' && value !== undefined) {
      if (words.redirect !== 0) {
        return refused(redirect, 'ERR A client can only redirect to a single other client');
      }
      const id = integerOf(value);
      if (Number.isNaN(id)) {
        return refused(redirect, 'ERR value is not an integer or out of range');
      }
      redirect ??= id;
      words = { ...words, redirect: id };
      i++;
    } else if (option === 'prefix' && value !== undefined) {
      words = { ...words, prefixes: [...words.prefixes, textOf(value)] };
      i++;
    } else return refused(redirect, SYNTAX);
  }
  const name = textOf(mode).toLowerCase();
  if (name === 'off') return { redirect, outcome: accept(null) };
  if (name !== 'on') return refused(redirect, SYNTAX);
  const reason = reasonAgainst(words, known);
  if (reason !== '') return refused(redirect, reason);
  return { redirect, outcome: accept(optionsOf(words, known)) };
}

/** CLIENT CACHING YES|NO: empty, or the error's text with its code. */
export function cachingRefusal(known: TrackingOptions | null, answer: string): string {
  if (known === null) {
    return 'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled';
  }
  switch (answer.toLowerCase()) {
    case 'yes':
      return known.isOptIn
        ? ''
        : 'ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.';
    case 'no':
      return known.isOptOut
        ? ''
        : 'ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.';
    default:
      return SYNTAX;
  }
}

/**
 * The commands that give a connection to a server these options, when it has the prefixes in `known` already.
 * `redirect`: the server's number of a client; 0: none.
 */
export function trackingCommands(
  options: TrackingOptions,
  redirect: number,
  known: readonly string[],
): readonly Buffer[][] {
  const added = options.prefixes.filter((prefix) => !known.includes(prefix));
  const named = added.filter((prefix) => prefix !== '');
  // Redis has no other way to name the empty prefix than to name none, and refuses others behind it.
  const isBare = named.length === 0 || named.length < added.length;
  const groups = [...(named.length > 0 ? [named] : []), ...(isBare ? [[]] : [])];
  return groups.map((prefixes) => trackingCommand(options, redirect, prefixes));
}

function trackingCommand(
  options: TrackingOptions,
  redirect: number,
  prefixes: readonly string[],
): Buffer[] {
  const words = ['CLIENT', 'TRACKING', 'ON'];
  if (redirect !== 0) words.push('REDIRECT', String(redirect));
  if (options.isBroadcast) words.push('BCAST');
  if (options.isOptIn) words.push('OPTIN');
  if (options.isOptOut) words.push('OPTOUT');
  if (options.isNoLoop) words.push('NOLOOP');
  return [
    ...words.map((word) => Buffer.from(word)),
    ...prefixes.flatMap((prefix) => [Buffer.from('PREFIX'), Buffer.from(prefix, 'latin1')]),
  ];
}

type Flag = 'isBroadcast' | 'isOptIn' | 'isOptOut' | 'isNoLoop';

const FLAGS: ReadonlyMap<string, Flag> = new Map<string, Flag>([
  ['bcast', 'isBroadcast'],
  ['optin', 'isOptIn'],
  ['optout', 'isOptOut'],
  ['noloop', 'isNoLoop'],
]);

function refused(redirect: number | null, text: string): TrackingRequest {
  return { redirect, outcome: refuse('REFUSED', text) };
}

function textOf(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : bytes.toString('latin1');
}

function reasonAgainst(words: Words, known: TrackingOptions | null): string {
  const { isBroadcast, isOptIn, isOptOut, prefixes } = words;
  if (!isBroadcast && prefixes.length > 0) {
    return 'ERR PREFIX option requires BCAST mode to be enabled';
  }
  if (known !== null && known.isBroadcast !== isBroadcast) {
    return `ERR You can't switch BCAST mode on/off ${OTHER_MODE}`;
  }
  if (isBroadcast && (isOptIn || isOptOut)) {
    return 'ERR OPTIN and OPTOUT are not compatible with BCAST';
  }
  if (isOptIn && isOptOut) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (known !== null && ((isOptIn && known.isOptOut) || (isOptOut && known.isOptIn))) {
    return `ERR You can't switch OPTIN/OPTOUT mode ${OTHER_MODE}`;
  }
  return isBroadcast ? collisionIn(prefixes, known?.prefixes ?? []) : '';
}

function collisionIn(prefixes: readonly string[], known: readonly string[]): string {
  for (const [i, prefix] of prefixes.entries()) {
    const old = known.find((other) => isOverlapping(prefix, other));
    if (old !== undefined) return collision(prefix, 'an existing prefix', old);
    const other = prefixes.slice(i + 1).find((later) => isOverlapping(prefix, later));
    if (other !== undefined) return collision(prefix, 'another provided prefix', other);
  }
  return '';
}

function isOverlapping(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

function collision(prefix: string, what: string, other: string): string {
  // As far as Redis shows them: up to a zero byte.
  const [a, b] = [prefix, other].map((text) => text.split('\0')[0] ?? '');
  return `ERR Prefix '${a}' overlaps with ${what} '${b}'. Prefixes for a single client must not overlap.`;
}

function optionsOf(words: Words, known: TrackingOptions | null): TrackingOptions {
  if (!words.isBroadcast) return { ...words, prefixes: [] };
  const added = words.prefixes.length === 0 ? [''] : words.prefixes;
  const prefixes = [...new Set([...(known?.prefixes ?? []), ...added])];
  return { ...words, prefixes: prefixes.toSorted((a, b) => (a < b ? -1 : 1)) };
}
