import type { Buffer } from 'node:buffer';
import type { RespWriter } from '@undermoon/resp';
import { elementsOf } from './fan-out.ts';

const LINE_END = 0x0a;

/** How long the calls of one command took. */
interface Histogram {
  calls: number;
  /** How many calls ended in a bucket and not in the one before it, by the bucket's microseconds. */
  readonly counts: Map<number, number>;
}

/**
 * Writes replies to LATENCY HISTOGRAM of several servers as one. A server leaves out the buckets in which nothing was
 * added, so its sums are taken apart before they are added up.
 */
export function writeHistograms(writer: RespWriter, replies: readonly Buffer[]): void {
  const histograms = new Map<string, Histogram>();
  for (const reply of replies) addReply(histograms, elementsOf(reply));
  writer.map(histograms.size);
  for (const [name, { calls, counts }] of histograms) {
    writer.bulk(name).map(2).bulk('calls').integer(calls);
    writer.bulk('histogram_usec').map(counts.size);
    let sum = 0;
    for (const [bucket, count] of [...counts].toSorted(([a], [b]) => a - b)) {
      sum += count;
      writer.integer(bucket).integer(sum);
    }
  }
}

function addReply(histograms: Map<string, Histogram>, elements: readonly Buffer[]): void {
  for (let i = 0; i + 1 < elements.length; i += 2) {
    const [name, value] = [elements[i], elements[i + 1]];
    if (name === undefined || value === undefined) continue;
    const key = bulkText(name);
    const known = histograms.get(key) ?? { calls: 0, counts: new Map<number, number>() };
    histograms.set(key, known);
    const [, calls, , buckets] = elementsOf(value);
    known.calls += numberOf(calls);
    addBuckets(known.counts, buckets === undefined ? [] : elementsOf(buckets));
  }
}

function addBuckets(counts: Map<number, number>, elements: readonly Buffer[]): void {
  let before = 0;
  for (let i = 0; i + 1 < elements.length; i += 2) {
    const [bucket, sum] = [numberOf(elements[i]), numberOf(elements[i + 1])];
    counts.set(bucket, (counts.get(bucket) ?? 0) + sum - before);
    before = sum;
  }
}

function bulkText(element: Buffer): string {
  return element.toString('latin1', element.indexOf(LINE_END) + 1, element.length - 2);
}

/** Of an integer's frame. */
function numberOf(element: Buffer | undefined): number {
  const number = Number(element?.toString('latin1', 1, element.length - 2));
  return Number.isSafeInteger(number) ? number : 0;
}
