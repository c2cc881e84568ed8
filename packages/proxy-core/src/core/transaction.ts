import { Buffer } from 'node:buffer';
import { SLOT_NONE } from './command-keys.ts';
import type { Compression } from './compression.ts';
import { packTransaction } from './packed-transaction.ts';

/** How much may be queued between MULTI and EXEC. */
export interface TransactionLimits {
  readonly bytesMax: number;
  readonly commandsMax: number;
}

/** Where the keys of a transaction may be: in one slot, as in Redis Cluster, or in all that one server has. */
export type TransactionScope = 'slot' | 'shard';

/** A queued command that no Redis server executes. */
export interface QueuedLocal {
  /** Its place among all commands of the transaction. */
  readonly index: number;
  /** The whole request. */
  readonly args: readonly Buffer[];
  /** What it answers if it cannot be carried; null: it is executed. */
  readonly refusal: Buffer | null;
}

/** A queued command that publishes. */
export interface QueuedPublish {
  /** Its place among all commands of the transaction. */
  readonly index: number;
  readonly channel: Buffer;
  readonly isSharded: boolean;
}

const INITIAL_BYTES = 256;
// What the list of a local command's words costs beside their bytes.
const WORD_BYTES = 32;

/** The commands between MULTI and EXEC: those for a server as the bytes they came in, the others apart. */
export class Transaction {
  /** Commands queued. */
  count = 0;
  /** Those that a server executes. */
  forwardedCount = 0;
  /** The first error of a command that could not be queued: EXEC will be refused. */
  refusal: Buffer | null = null;
  /** The slot of the first key; SLOT_NONE while there is none. */
  slot: number = SLOT_NONE;
  readonly scope: TransactionScope;
  /** Another proxy sent it in one piece: what is queued is not answered. */
  readonly isWhole: boolean;
  /** Some command may write. */
  isWriting = false;
  /** Some command is for the master of its keys. */
  needsMaster = false;
  readonly locals: QueuedLocal[] = [];
  /** How the values in the commands are stored; undefined: there are none. */
  compression: Compression | null | undefined = undefined;
  /** Compression was switched on or off between two commands. */
  isMixed = false;
  /** The places of the commands whose replies hold stored values. */
  readonly stored: Set<number> = new Set();
  /** Those for a server whose answer is a number of clients, which only the proxy knows. */
  readonly published: QueuedPublish[] = [];
  /** SCRIPT FLUSH is among the commands. */
  isFlushingScripts = false;
  /** Digests of the scripts that queued commands run. */
  readonly scripts: string[] = [];
  /** Scripts that queued commands have in them: known when they are executed. */
  readonly scriptTexts: Buffer[] = [];
  readonly #limits: TransactionLimits;
  /** Where commands end, if they may be for another proxy. */
  readonly #ends: number[] = [];
  /** All slots, once there are several. */
  #slots: Set<number> | null = null;
  #bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  #localBytes = 0;

  constructor(limits: TransactionLimits, scope: TransactionScope = 'slot', isWhole = false) {
    this.#limits = limits;
    this.scope = scope;
    this.isWhole = isWhole;
  }

  /** A command could not be queued. */
  get isAborted(): boolean {
    return this.refusal !== null;
  }

  /** Another proxy gets it in one piece, since it takes the commands one by one only for keys of one slot. */
  get packed(): Buffer {
    return packTransaction(this.body, this.#ends);
  }

  abort(refusal: Buffer): void {
    this.refusal ??= refusal;
  }

  /** The slots of all keys. */
  get slots(): Iterable<number> {
    if (this.#slots !== null) return this.#slots;
    return this.slot === SLOT_NONE ? [] : [this.slot];
  }

  get hasSeveralSlots(): boolean {
    return this.#slots !== null;
  }

  /** The commands for a server, back to back. */
  get body(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Memory held by queued commands. */
  get byteLength(): number {
    return this.#length + this.#localBytes;
  }

  /** Queues `bytes[start, end)`, which are copied, for the server of `slot`. False: a limit is reached. */
  queueForwarded(bytes: Buffer, start: number, end: number, slot: number): boolean {
    // As in Redis, nothing is kept of a transaction that cannot be executed any more.
    if (this.isAborted) return true;
    if (!this.#hasRoom(end - start)) return false;
    this.#append(bytes, start, end);
    if (this.scope === 'shard') this.#ends.push(this.#length);
    this.count++;
    this.forwardedCount++;
    if (slot !== SLOT_NONE) this.noteSlot(slot);
    return true;
  }

  /** Keys of the next command to be queued are in these slots. */
  noteSlots(slots: Iterable<number>): void {
    for (const slot of slots) this.noteSlot(slot);
  }

  /** Some key is in this slot. */
  noteSlot(slot: number): void {
    if (this.#slots !== null) this.#slots.add(slot);
    else if (this.slot === SLOT_NONE) this.slot = slot;
    else if (this.slot !== slot) this.#slots = new Set([this.slot, slot]);
  }

  /** The next command to be queued has values in it. `isRead`: its reply has, too. */
  noteValues(compression: Compression | null, isRead: boolean): void {
    if (this.compression !== undefined && this.compression !== compression) this.isMixed = true;
    this.compression = compression;
    if (isRead) this.stored.add(this.count);
  }

  /** Queues a command for the proxy itself. The words are kept. False: a limit is reached. */
  queueLocal(args: readonly Buffer[], refusal: Buffer | null): boolean {
    if (this.isAborted) return true;
    const size = args.reduce((sum, arg) => sum + arg.length + WORD_BYTES, 0);
    if (!this.#hasRoom(size)) return false;
    this.#localBytes += size;
    this.locals.push({ index: this.count, args, refusal });
    this.count++;
    return true;
  }

  #hasRoom(size: number): boolean {
    const { bytesMax, commandsMax } = this.#limits;
    return this.count < commandsMax && this.byteLength + size <= bytesMax;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const total = this.#length + end - start;
    if (total > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(total, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = total;
  }
}
