// From the bytes of a server's chunk to what each client is sent. `pnpm bench micro` runs it.
import { systemClock } from '@undermoon/runtime/node';
import { ReplyOrder } from '../src/core/reply-order.ts';
import { DataLoop } from '../src/shell/data-loop.ts';
import { ReplyDemux } from '../src/shell/reply-demux.ts';
import type { MicroCase } from './micro-case.ts';

const REPLIES = 32;
const BULK = `$64\r\n${'x'.repeat(64)}\r\n`;

const loop = new DataLoop({ limits: {}, clock: systemClock });

/** A client without a socket: what it is sent ends here. */
class Sink {
  readonly isBacklogged = false;
  sum = 0;

  onReplyBytes(_source: null, bytes: Buffer, start: number, end: number): void {
    loop.output.append(this, bytes, start, end);
  }

  send(bytes: Uint8Array): boolean {
    this.sum += bytes.length;
    return true;
  }
}

/** Runs of `perRun` replies for one client after the other. */
function deliveries(name: string, reply: string, perRun: number): MicroCase {
  const demux = new ReplyDemux<null, Sink>();
  const sinks = Array.from({ length: REPLIES / perRun }, () => new Sink());
  const chunk = Buffer.from(reply.repeat(REPLIES));
  const run = (): void => {
    for (const sink of sinks) demux.queue.push(sink, perRun, true);
    if (!demux.deliver(null, chunk, chunk.length)) throw new Error(`${name} was not delivered`);
    loop.output.flush();
  };
  return { name: `deliver: ${name}`, operations: REPLIES, run };
}

/** Replies of two servers in turn, the second's first, so that half of them are held. */
function reordered(): MicroCase {
  const bytes = Buffer.from(BULK);
  const chunk = { bytes, start: 0, end: bytes.length, completed: 1, isCut: false };
  let sum = 0;
  const output = {
    onDue: (_bytes: Uint8Array, start: number, end: number): void => {
      sum += end - start;
    },
  };
  const run = (): number => {
    const order = new ReplyOrder<number>();
    for (let i = 0; i < REPLIES; i++) order.expect(i & 1, 1);
    for (let i = 0; i < REPLIES; i++) order.accept((i + 1) & 1, chunk, output);
    return sum;
  };
  return { name: 'order: bulk 64 B, two servers', operations: REPLIES, run };
}

export const cases: readonly MicroCase[] = [
  deliveries('bulk 64 B, one client', BULK, REPLIES),
  deliveries('bulk 64 B, 16 for each client', BULK, 16),
  deliveries('bulk 64 B, one for each client', BULK, 1),
  deliveries('+OK, 16 for each client', '+OK\r\n', 16),
  reordered(),
];
