// Scanning of whole frames, a chunk of pipelined ones at a time. `pnpm bench micro` runs it.
import { encodeCommand } from '../src/encode-command.ts';
import { scanReply } from '../src/reply-scanner.ts';
import { RequestScanner } from '../src/request-scanner.ts';

const FRAMES_PER_CHUNK = 32;

const scanner = new RequestScanner();

// One loop for each scanner, so that neither is called through a variable.
function sweepRequests(chunk: Buffer): number {
  let frames = 0;
  for (let at = 0; at < chunk.length; frames++) at = scanner.scan(chunk, at, chunk.length);
  return frames;
}

function sweepReplies(chunk: Buffer): number {
  let frames = 0;
  for (let at = 0; at < chunk.length; frames++) at = scanReply(chunk, at, chunk.length);
  return frames;
}

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

export const cases: readonly {
  readonly name: string;
  /** Of one call of `run`. */
  readonly operations: number;
  readonly run: () => unknown;
}[] = [
  ...Object.entries(requests).map(([name, frame]) => {
    const frames = Array.from({ length: FRAMES_PER_CHUNK }, (_, i) => frame(i));
    const chunk = Buffer.concat(frames);
    return {
      name: `scan request: ${name}`,
      operations: FRAMES_PER_CHUNK,
      run: () => sweepRequests(chunk),
    };
  }),
  ...Object.entries(replies).map(([name, reply]) => {
    const chunk = Buffer.from(reply.repeat(FRAMES_PER_CHUNK));
    return {
      name: `scan reply: ${name}`,
      operations: FRAMES_PER_CHUNK,
      run: () => sweepReplies(chunk),
    };
  }),
];
