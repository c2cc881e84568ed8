import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand } from '@undermoon/resp';
import { unreachableReply } from '../core/replies.ts';
import type { SlotKeys } from '../core/slot-keys.ts';
import type { BackendConnection, ReplySink } from './backend-connection.ts';
import { lossReply } from './loss-reply.ts';
import { type Lease, type LeaseHolder, REPLY_NO_CONNECTION } from './dedicated-pool.ts';
import type { BackendLoss } from './lost-replies.ts';
import type { ProxyContext } from './proxy-context.ts';

/** Keys that a server looks at for one page: a fraction of a millisecond. */
const PAGE_KEYS = '500';
const ERROR_MARKER = 0x2d;

/** How a scan ended: all servers were read, or with an error reply. */
export type ScanEnd = null | Buffer;

/**
 * Reads the keys of servers, one page after the other over a connection of its own. After each page the server has
 * as long a rest as the page took, so its other clients wait for no more than a page.
 */
export class SlotScan implements LeaseHolder, ReplySink {
  readonly owner = null;
  readonly isBlocking = false;
  readonly #context: ProxyContext;
  readonly #found: SlotKeys;
  readonly #left: NodeAddress[];
  readonly #isWanted: () => boolean;
  readonly #onEnd: (end: ScanEnd) => void;
  readonly #startedMs: number;
  #lease: Lease | null = null;
  #pieces: Buffer[] = [];
  #sentMs = 0;

  constructor(
    context: ProxyContext,
    plan: {
      readonly servers: readonly NodeAddress[];
      readonly found: SlotKeys;
      /** False: nobody waits for the result any more. */
      readonly isWanted: () => boolean;
      /** Called once, in a later turn. */
      readonly onEnd: (end: ScanEnd) => void;
    },
  ) {
    this.#context = context;
    this.#found = plan.found;
    this.#left = [...plan.servers];
    this.#isWanted = plan.isWanted;
    this.#onEnd = plan.onEnd;
    this.#startedMs = context.clock.monotonicMs();
  }

  start(): void {
    this.#later(0, () => this.#nextServer());
  }

  onTableChange(): void {}

  onTick(): void {}

  onReplyBytes(
    _: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    if (completed === 0) return;
    const page = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#onPage(page);
  }

  onReplyLoss(source: BackendConnection, _: number, loss: BackendLoss): void {
    this.#lease = null;
    this.#end(lossReply(source, loss));
  }

  onBackendRoom(): void {}

  #nextServer(): void {
    const address = this.#left.shift();
    if (address === undefined) {
      this.#end(null);
      return;
    }
    this.#lease = this.#context.dedicated.take(address, 2, this);
    if (this.#lease === null) this.#end(REPLY_NO_CONNECTION);
    else this.#ask('0');
  }

  #ask(cursor: string): void {
    const lease = this.#lease;
    const { clock, options } = this.#context;
    if (lease === null) return;
    const { slotScanTimeoutMs } = options;
    this.#sentMs = clock.monotonicMs();
    if (!this.#isWanted()) this.#end(null);
    else if (this.#sentMs - this.#startedMs > slotScanTimeoutMs) {
      const limit = `within ${slotScanTimeoutMs} ms (slot_scan_timeout_ms)`;
      this.#end(Buffer.from(`-ERR the keys of the server could not be read ${limit}\r\n`));
    } else {
      const command = encodeCommand(['SCAN', cursor, 'COUNT', PAGE_KEYS]);
      if (lease.connection.request(this, 1, false, command, 0, command.length)) return;
      this.#end(unreachableReply(lease.address));
    }
  }

  #onPage(page: Buffer): void {
    const { clock, options } = this.#context;
    if (page[0] === ERROR_MARKER) {
      this.#end(page);
      return;
    }
    const tookMs = clock.monotonicMs() - this.#sentMs;
    const step = this.#found.take(page);
    if (typeof step === 'object') {
      this.#later(tookMs, () => this.#ask(step.cursor));
    } else if (step === 'done') {
      this.#giveBack();
      this.#later(tookMs, () => this.#nextServer());
    } else if (step === 'too-large') {
      const limit = `${options.slotScanBytesMax} bytes (slot_scan_bytes_max)`;
      const text = `the keys of these slots take more than ${limit}, ask for fewer slots`;
      this.#end(Buffer.from(`-ERR ${text}\r\n`));
    } else this.#end(Buffer.from('-ERR the server answered SCAN with something else\r\n'));
  }

  #later(delayMs: number, action: () => void): void {
    this.#context.clock.after(Math.ceil(delayMs), action);
  }

  #end(end: ScanEnd): void {
    this.#giveBack();
    this.#onEnd(end);
  }

  #giveBack(): void {
    if (this.#lease !== null) this.#context.dedicated.give(this.#lease);
    this.#lease = null;
  }
}
