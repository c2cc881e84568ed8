import {
  COMMAND_FLAG,
  COMMAND_FLAGS,
  COMMAND_ID,
  COMMAND_NAMES,
  COMMAND_PARENT,
  COMMAND_REASON,
  COMMAND_VERDICT,
  REFUSAL_REASONS,
  VERDICT,
} from './command-table.generated.ts';

/** One request as byte offsets into a buffer; a `RequestScanner` is one after each scan. */
export interface CommandFrame {
  readonly argc: number;
  readonly argStart: Int32Array;
  readonly argEnd: Int32Array;
}

export const UNKNOWN_COMMAND = -1;
export const UNKNOWN_SUBCOMMAND = -2;

// Open addressing over a hash of the case-folded name, filled to a fifth. Subcommands are in the same
// table; their hash starts from their container's id, so that CLIENT INFO and CLUSTER INFO lie apart.
const SLOT_BITS = 11;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const IDS: Int16Array = new Int16Array(1 << SLOT_BITS).fill(-1);
const NAME_START: Uint16Array = new Uint16Array(COMMAND_NAMES.length);
const NAME_LENGTH: Uint8Array = new Uint8Array(COMMAND_NAMES.length);
const NAME_BYTES: Uint8Array = layOutNames();
const NAME_LENGTH_MAX: number = Math.max(...NAME_LENGTH);
// Only A-Z are folded: `| 0x20` alone would take '@' for '`' and control characters for digits.
const FOLD: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 65 && byte <= 90 ? byte + 32 : byte,
);
fillIds();

/** The id of the command named by `bytes[start, end)` in any case, or UNKNOWN_COMMAND. */
export function lookupCommand(bytes: Uint8Array, start: number, end: number): number {
  return lookup(bytes, start, end, -1);
}

/** The id of a container's subcommand named by `bytes[start, end)`, or UNKNOWN_SUBCOMMAND. */
export function lookupSubcommand(
  container: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const id = lookup(bytes, start, end, container);
  return id < 0 ? UNKNOWN_SUBCOMMAND : id;
}

/**
 * The id of a whole request, down to the subcommand if it names one: UNKNOWN_COMMAND or
 * UNKNOWN_SUBCOMMAND when there is none. A container alone (`OBJECT`) is its own id; its arity is bad.
 */
export function resolveCommand(bytes: Uint8Array, frame: CommandFrame): number {
  if (frame.argc === 0) return UNKNOWN_COMMAND;
  return resolveSubcommand(lookup(bytes, frame.argStart[0]!, frame.argEnd[0]!, -1), bytes, frame);
}

/** The same for a request whose first word was looked up already. */
export function resolveSubcommand(id: number, bytes: Uint8Array, frame: CommandFrame): number {
  if (id < 0 || frame.argc < 2 || (COMMAND_FLAGS[id]! & COMMAND_FLAG.HAS_SUBCOMMANDS) === 0) {
    return id;
  }
  return lookupSubcommand(id, bytes, frame.argStart[1]!, frame.argEnd[1]!);
}

/** Lower-case name; `container|subcommand` for a subcommand, as Redis writes it in errors. */
export function commandName(id: number): string {
  return COMMAND_NAMES[id]!;
}

/** Whether the command has a flag of `COMMAND_FLAG`. */
export function hasFlag(id: number, flag: number): boolean {
  return (COMMAND_FLAGS[id]! & flag) !== 0;
}

/** Whether the command goes to the Redis server of its keys. A container: whether a subcommand does. */
export function isForwarded(id: number): boolean {
  return COMMAND_VERDICT[id] === VERDICT.FORWARD;
}

/** Whether it goes there too, but over a connection that the client has for itself meanwhile. */
export function isDedicated(id: number): boolean {
  return COMMAND_VERDICT[id] === VERDICT.DEDICATED;
}

/** Whether it runs a script by its digest, which the server may lack. */
export function isScriptCall(id: number): boolean {
  return id === COMMAND_ID.EVALSHA || id === COMMAND_ID.EVALSHA_RO;
}

/** Whether it runs a script or a function, given or known by name, that may or may not write. */
export function isScript(id: number): boolean {
  return (
    id === COMMAND_ID.EVAL ||
    id === COMMAND_ID.EVAL_RO ||
    id === COMMAND_ID.FCALL ||
    id === COMMAND_ID.FCALL_RO ||
    isScriptCall(id)
  );
}

/** Whether it runs a script by its text, which is then known to the server. */
export function isScriptText(id: number): boolean {
  return id === COMMAND_ID.EVAL || id === COMMAND_ID.EVAL_RO;
}

/** Whether it goes to all servers at once, or to one after the other. */
export function isFannedOut(id: number): boolean {
  return COMMAND_VERDICT[id] === VERDICT.FANOUT;
}

/** Whether the proxy answers the command itself. A container: no subcommand is forwarded, one is answered. */
export function isAnswered(id: number): boolean {
  return COMMAND_VERDICT[id] === VERDICT.ANSWER;
}

/** The error text, without the leading '-', for a command that this version refuses; '' for all others. */
export function refusalOf(id: number): string {
  if (COMMAND_VERDICT[id] !== VERDICT.REFUSE) return '';
  return refusalText(commandName(id), REFUSAL_REASONS[COMMAND_REASON[id]!]!);
}

/** The error text that refuses `what` for `reason`, a sentence without its full stop. */
export function refusalText(what: string, reason: string): string {
  return `ERR '${what.replace('|', ' ')}' is not available through this proxy: ${reason}`;
}

function lookup(bytes: Uint8Array, start: number, end: number, container: number): number {
  const length = end - start;
  if (length > NAME_LENGTH_MAX) return -1;
  let hash = container;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i]! | 0x20)) | 0;
  let slot = (hash ^ (hash >>> SLOT_BITS)) & SLOT_MASK;
  for (;;) {
    const id = IDS[slot]!;
    if (id < 0) return -1;
    if (NAME_LENGTH[id] === length && COMMAND_PARENT[id] === container) {
      let at = NAME_START[id]!;
      let i = start;
      while (i < end && FOLD[bytes[i]!] === NAME_BYTES[at]) {
        i++;
        at++;
      }
      if (i === end) return id;
    }
    slot = (slot + 1) & SLOT_MASK;
  }
}

/** Own names (without their container's) one after the other. */
function layOutNames(): Uint8Array {
  let text = '';
  for (let id = 0; id < COMMAND_NAMES.length; id++) {
    const name = COMMAND_NAMES[id]!;
    const start = name.indexOf('|') + 1;
    NAME_START[id] = text.length;
    NAME_LENGTH[id] = name.length - start;
    text += name.slice(start);
  }
  return new TextEncoder().encode(text);
}

function fillIds(): void {
  for (let id = 0; id < COMMAND_NAMES.length; id++) {
    let hash = COMMAND_PARENT[id]!;
    const end = NAME_START[id]! + NAME_LENGTH[id]!;
    for (let i = NAME_START[id]!; i < end; i++) {
      hash = (Math.imul(hash, 31) + (NAME_BYTES[i]! | 0x20)) | 0;
    }
    let slot = (hash ^ (hash >>> SLOT_BITS)) & SLOT_MASK;
    while (IDS[slot]! >= 0) slot = (slot + 1) & SLOT_MASK;
    IDS[slot] = id;
  }
}
