import { encodeCommand } from '@undermoon/resp';
import type { ReplyRule } from './reply-rules.ts';

/** Connections on each side. */
export const CONNECTIONS = 3;

/** One request as it is sent. */
export interface Request {
  readonly bytes: Buffer;
  /** As one would type it in redis-cli. */
  readonly text: string;
}

/** A reply that is due, and where. */
export interface DueReply {
  readonly connection: number;
  readonly rule: ReplyRule;
}

/** Requests that leave in one write, and the replies to await before the next step. */
export interface Step {
  readonly connection: number;
  readonly requests: readonly Request[];
  readonly replies: readonly DueReply[];
  /** The request waits at the server: go on when it does, or when there is a reply. */
  readonly isBlocking: boolean;
}

/** Steps that belong together: a program stays valid when whole units are taken out. */
export interface Unit {
  readonly steps: readonly Step[];
  /** Commands of the table that it uses. */
  readonly names: readonly string[];
  /** The connection that the server closes at the end; null: none. */
  readonly closes: number | null;
  /** Which keys it removes of those of which the time has passed is left to chance, or differs between the sides. */
  readonly isSweptAfter?: boolean;
}

/** Units that are sent one after the other; those of one step for one connection in one pipeline. */
export interface Batch {
  readonly units: readonly Unit[];
  /** Decides where the bytes for the proxy are cut. */
  readonly cutSeed: number;
}

/** Commands that meet random keys, those of one server of several, or for which the proxy scans its server. */
const SWEPT_AFTER: ReadonlySet<string> = new Set([
  'randomkey',
  'scan',
  'cluster|countkeysinslot',
  'cluster|getkeysinslot',
]);

/** Whether both sides may hold different keys of which the time has passed once one of these was executed. */
export function areSweptAfter(names: readonly string[]): boolean {
  return names.some((name) => SWEPT_AFTER.has(name));
}

/** A request from its words; in the inline form its words are quoted. */
export function requestOf(words: readonly Buffer[], isInline: boolean): Request {
  const text = words.map(quoted).join(' ');
  if (!isInline) return { bytes: encodeCommand(words), text };
  return { bytes: Buffer.from(`${text}\r\n`), text: `${text}   (inline)` };
}

/** Bytes that are no request at all. */
export function rawRequest(bytes: string): Request {
  return { bytes: Buffer.from(bytes, 'latin1'), text: `raw bytes ${JSON.stringify(bytes)}` };
}

/** A unit of one request and one reply. */
export function plainUnit(
  connection: number,
  request: Request,
  rule: ReplyRule,
  names: readonly string[],
): Unit {
  const step = {
    connection,
    requests: [request],
    replies: [{ connection, rule }],
    isBlocking: false,
  };
  return { steps: [step], names, closes: null, isSweptAfter: areSweptAfter(names) };
}

/** The program as lines to read and to try again by hand. */
export function textOfProgram(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ units }) =>
    units.flatMap(({ steps }) =>
      steps.flatMap((step) =>
        step.requests.map(({ text }) => `[${step.connection}] ${shortened(text)}`),
      ),
    ),
  );
}

const TEXT_CHARS_MAX = 600;

/** A long text with its middle left out. */
function shortened(text: string): string {
  if (text.length <= TEXT_CHARS_MAX) return text;
  return `${text.slice(0, TEXT_CHARS_MAX - 100)} … (${text.length} characters) … ${text.slice(-60)}`;
}

function quoted(word: Buffer): string {
  const text = word.toString('latin1');
  if (/^[\w.:*{}[(+^$?=~<>|@%-]+$/.test(text)) return text;
  const escaped = text.replaceAll(/["\\]|[^ -~]/g, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}
