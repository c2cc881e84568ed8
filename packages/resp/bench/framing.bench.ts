/*
 * Nanoseconds per frame of the two scanners, over a chunk of pipelined frames:
 *   pnpm exec tsx packages/resp/bench/framing.bench.ts
 */
import { encodeCommand } from '../src/encode-command.ts';
import { scanReply } from '../src/reply-scanner.ts';
import { RequestScanner } from '../src/request-scanner.ts';

const FRAMES_PER_CHUNK = 32;
const ROUNDS = 15;
const SWEEPS = 5000;

const scanner = new RequestScanner();
const scanRequest = (buf: Uint8Array, pos: number, end: number): number =>
  scanner.scan(buf, pos, end);

const key = (i: number): string => `key:${String(i).padStart(12, '0')}`;
const keys = (i: number): string[] => Array.from({ length: 20 }, (_, j) => key(i * 20 + j));
const requests: Record<string, (i: number) => Buffer> = {
  'GET 16 B key': (i) => encodeCommand(['GET', key(i)]),
  'SET 64 B': (i) => encodeCommand(['SET', key(i), 'x'.repeat(64)]),
  'SET 1 KiB': (i) => encodeCommand(['SET', key(i), 'x'.repeat(1024)]),
  'MSET 10': (i) => encodeCommand(['MSET', ...keys(i)]),
};
const replies: Record<string, string> = {
  'bulk 64 B': `$64\r\n${'x'.repeat(64)}\r\n`,
  '+OK': '+OK\r\n',
  ':12345': ':12345\r\n',
  'array of 10': `*10\r\n${'$5\r\nhello\r\n'.repeat(10)}`,
};

for (const [name, frame] of Object.entries(requests)) {
  measure(
    `request  ${name}`,
    Buffer.concat(Array.from({ length: FRAMES_PER_CHUNK }, (_, i) => frame(i))),
    scanRequest,
  );
}
for (const [name, reply] of Object.entries(replies)) {
  measure(`reply    ${name}`, Buffer.from(reply.repeat(FRAMES_PER_CHUNK)), scanReply);
}

function measure(name: string, chunk: Buffer, scan: typeof scanReply): void {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS + 3; round++) {
    const start = process.hrtime.bigint();
    let frames = 0;
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (let at = 0; at < chunk.length; frames++) at = scan(chunk, at, chunk.length);
    }
    const elapsed = Number(process.hrtime.bigint() - start);
    // The first rounds run before the code is optimised.
    if (round >= 3) times.push(elapsed / frames);
  }
  times.sort((a, b) => a - b);
  const median = times[ROUNDS >> 1] ?? 0;
  console.log(
    `${name.padEnd(24)} ${median.toFixed(1)} ns per frame (least ${times[0]?.toFixed(1)})`,
  );
}
