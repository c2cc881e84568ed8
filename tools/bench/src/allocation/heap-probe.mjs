// Preloaded into a program whose heap is measured: node --expose-gc --import heap-probe.mjs PROGRAM.
// Answers the questions of its parent (see heap-question.ts), one at a time, over the IPC channel.
import { Session } from 'node:inspector/promises';
import v8 from 'node:v8';

const COLLECTIONS = 5;
const SAMPLING_BYTES = 4096;

let profiler = new v8.GCProfiler();
let startBytes = 0;
let startTurns = 0;
const session = new Session();
session.connect();

/** @type {Map<unknown, () => object | Promise<object>>} */
const ANSWERS = new Map(Object.entries({ collect, start, stop, sample, sampled }));

// A rejection ends the program, as an error in it would.
process.on('message', (question) => void answer(question));

/** @param {unknown} question */
async function answer(question) {
  const find = ANSWERS.get(question);
  if (find === undefined) throw new Error(`no such question: ${String(question)}`);
  const found = await Promise.resolve(find());
  process.send?.(found);
}

/** What is left of the heap, and outside of it, when nothing can be collected any more. */
function collect() {
  if (globalThis.gc === undefined) throw new Error('the program runs without --expose-gc');
  let heapBytes = Infinity;
  for (let count = 0; count < COLLECTIONS; count += 1) {
    // What finalizers release is collected by the next one.
    globalThis.gc();
    // Two readings with next to nothing between them differ by up to 230 KiB at times, so one alone can be too high.
    heapBytes = Math.min(heapBytes, usedBytes());
  }
  return { heapBytes, externalBytes: process.memoryUsage().external };
}

function start() {
  profiler = new v8.GCProfiler();
  profiler.start();
  startTurns = turns();
  startBytes = usedBytes();
  return {};
}

/** What was allocated since `start`: how much the heap grew up to each collection, and since the last. */
function stop() {
  const endBytes = usedBytes();
  const endTurns = turns();
  let allocatedBytes = 0;
  let scavenges = 0;
  let lastBytes = startBytes;
  for (const { gcType, beforeGC, afterGC } of profiler.stop().statistics) {
    allocatedBytes += beforeGC.heapStatistics.usedHeapSize - lastBytes;
    lastBytes = afterGC.heapStatistics.usedHeapSize;
    if (gcType === 'Scavenge') scavenges += 1;
  }
  allocatedBytes += endBytes - lastBytes;
  return { allocatedBytes, scavenges, turns: endTurns - startTurns };
}

async function sample() {
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: SAMPLING_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  return {};
}

/** Bytes allocated since `sample`, by function and what called it. */
async function sampled() {
  const { profile } = await session.post('HeapProfiler.stopSampling');
  /** @type {Map<string, number>} */
  const bytesBySite = new Map();
  addSites(profile.head, '', bytesBySite);
  return { sites: [...bytesBySite].toSorted(([, left], [, right]) => right - left) };
}

/**
 * @param {import('node:inspector').HeapProfiler.SamplingHeapProfileNode} node
 * @param {string} caller
 * @param {Map<string, number>} bytesBySite changed
 */
function addSites({ callFrame, selfSize, children }, caller, bytesBySite) {
  const { functionName, url, lineNumber } = callFrame;
  const file = url.slice(url.lastIndexOf('/') + 1);
  const name = `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
  if (selfSize > 0) {
    const site = caller === '' ? name : `${caller} > ${name}`;
    bytesBySite.set(site, (bytesBySite.get(site) ?? 0) + selfSize);
  }
  for (const child of children) addSites(child, name, bytesBySite);
}

function usedBytes() {
  return v8.getHeapStatistics().used_heap_size;
}

function turns() {
  return performance.nodeTiming.uvMetricsInfo.loopCount;
}
