import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { MeasuredProcess } from '../measured-process.ts';

/** Flags of Node.js with which a program answers the questions below. */
export const PROBE_FLAGS: readonly string[] = [
  '--expose-gc',
  '--import',
  fileURLToPath(new URL('heap-probe.mjs', import.meta.url)),
];

/** What a program can be asked, and what it answers. */
export interface HeapAnswers {
  /** Collects all garbage; what is left. */
  readonly collect: { readonly heapBytes: number; readonly externalBytes: number };
  /** Counts from now on. */
  readonly start: object;
  /** What was counted; `turns` are those of the event loop. */
  readonly stop: {
    readonly allocatedBytes: number;
    readonly scavenges: number;
    readonly turns: number;
  };
  /** Notes from now on who allocates. Slows the program down. */
  readonly sample: object;
  /** Bytes by who allocated them ("caller > function file:line"), most first. */
  readonly sampled: { readonly sites: readonly (readonly [string, number])[] };
}

/** Asks a program that runs with PROBE_FLAGS and a channel. Rejects when it ends instead of answering. */
export async function askHeap<Question extends keyof HeapAnswers>(
  { child }: MeasuredProcess,
  question: Question,
): Promise<HeapAnswers[Question]> {
  const abort = new AbortController();
  const answer = once(child, 'message', { signal: abort.signal }).then(
    ([message]: unknown[]) => message as HeapAnswers[Question],
  );
  const end = once(child, 'exit', { signal: abort.signal }).then(() => {
    throw new Error(`the measured program ended before it answered "${question}"`);
  });
  try {
    child.send(question);
    return await Promise.race([answer, end]);
  } finally {
    abort.abort();
    await Promise.allSettled([answer, end]);
  }
}
