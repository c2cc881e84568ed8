import type { LoadPart } from '../redis-benchmark.ts';

/** One load under which the proxy's allocations are counted, and what they may be. */
export interface AllocationLoad {
  readonly name: string;
  readonly part: LoadPart;
  /** Of a full run. A shorter run makes the same part of each. */
  readonly requests: number;
  readonly bounds: AllocationBounds;
}

/**
 * What a load may allocate. A turn of the event loop handles every socket that is ready, so it costs something
 * once for many requests; a run is the part of a pipeline that one read brought.
 */
export interface AllocationBounds {
  /** Bytes for each turn of the event loop. */
  readonly turnBytesMax: number;
  /** Bytes for each request besides. */
  readonly requestBytesMax: number;
}

/** How much more the heap may hold after a load than before, with all garbage collected both times. */
export const GROWTH_BYTES_MAX: number = 256 * 1024;

const GET = ['GET', 'v64:__rand_int__'];
const SET = ['SET', 'v64:__rand_int__', 'v'.repeat(64)];
/** An Immediate, what the runtime makes to call it, and a view of what is sent to each server: about 350 bytes. */
const TURN_BYTES_MAX = 500;
/** A view of what is sent to a client, which is made anew when that is over 4 KiB: a busy machine merges more. */
const RUN_BYTES_MAX = 96;
const FULL = 10_000_000;
const FULL_UNPIPELINED = 1_000_000;

/** All loads, in the order of the table. */
export const ALLOCATION_LOADS: readonly AllocationLoad[] = [
  load('get-64-p16', 16, GET),
  load('get-64-p32', 32, GET),
  load('set-64-p16', 16, SET),
  load('get-64-p1', 1, GET),
];

function load(name: string, pipeline: number, words: readonly string[]): AllocationLoad {
  return {
    name,
    part: { connections: 50, pipeline, words, isKeptAlive: true },
    requests: pipeline === 1 ? FULL_UNPIPELINED : FULL,
    bounds: { turnBytesMax: TURN_BYTES_MAX, requestBytesMax: RUN_BYTES_MAX / pipeline },
  };
}
