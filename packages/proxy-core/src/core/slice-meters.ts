import { SliceMeter } from '@undermoon/cluster-meta';

/** Items of a first slice: the code runs for the first time. */
const FIRST_ITEMS = 100;
const SLICE_ITEMS = 1000;

/** Kinds of work that are done in slices. Each runs code of its own, which is slow until it was used a while. */
export type SlicedWork =
  | 'decode'
  | 'json'
  | 'table'
  | 'METADATA'
  | 'NODES'
  | 'REPLICAS'
  | 'SHARDS'
  | 'SLOTS';

/** The meters of one proxy, one for each kind of work. */
export class SliceMeters {
  readonly #meters = new Map<SlicedWork, SliceMeter>();

  of(work: SlicedWork): SliceMeter {
    const known = this.#meters.get(work);
    if (known !== undefined) return known;
    const meter = new SliceMeter(SLICE_ITEMS, FIRST_ITEMS);
    this.#meters.set(work, meter);
    return meter;
  }
}
