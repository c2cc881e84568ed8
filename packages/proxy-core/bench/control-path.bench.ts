// Milliseconds of each step from metadata to the replies about it, in slices as the proxy does them: how many slices,
// all of them together, and the longest one, first in code that never ran and then in the last of several rounds.
//   node --import tsx --conditions=@undermoon/source packages/proxy-core/bench/control-path.bench.ts
import { createHash } from 'node:crypto';
import {
  decodeInflated,
  decodeSetCluster,
  encodeSetCluster,
  FrameWords,
  inflateLater,
  parseNodeAddress,
  type PackedSetCluster,
  type SliceMeter,
  type Slices,
} from '@undermoon/cluster-meta';
import { encodeCommand, RequestScanner } from '@undermoon/resp';
import { nodesSlices, shardsSlices, slotsSlices } from '../src/core/cluster-rendering.ts';
import { clusterViewSlices } from '../src/core/cluster-view.ts';
import { metadataSlices } from '../src/core/metadata-rendering.ts';
import { routingTableSlices } from '../src/core/routing-table.ts';
import { SliceMeters } from '../src/core/slice-meters.ts';
import {
  largeMetadata,
  MANY_PROXIES,
  SINGLE_SLOTS_OF_MANY,
  SINGLE_SLOTS_OF_TWO,
  type MetadataShape,
} from '../test/control/large-metadata.ts';

const ROUNDS = 9;
const SELF = parseNodeAddress('127.0.0.1:5299')!;

interface Figures {
  readonly slices: number;
  readonly sumMs: number;
  readonly longestMs: number;
}

const meters = new SliceMeters();
const figures = new Map<string, Figures[]>();

/** Does all slices, each in a turn of its own. */
async function step<T>(
  title: string,
  meter: SliceMeter,
  of: (m: SliceMeter) => Slices<T>,
): Promise<T> {
  const slices = of(meter);
  const times: number[] = [];
  for (;;) {
    const start = performance.now();
    const slice = slices.next();
    times.push(performance.now() - start);
    if (slice.done === true) {
      const sumMs = times.reduce((sum, time) => sum + time);
      const list = figures.get(title) ?? [];
      figures.set(title, [...list, { slices: times.length, sumMs, longestMs: Math.max(...times) }]);
      return slice.value;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function read(name: string, words: FrameWords): Promise<PackedSetCluster> {
  const decoded = await step(`${name}: words`, meters.of('decode'), (meter) =>
    decodeSetCluster(words, {}, meter),
  );
  if (!decoded.ok) throw new Error(decoded.message);
  const { value } = decoded;
  if (value.kind === 'whole') return value.command;
  const inflated = await inflateLater(value.packed, value.inflatedBytesMax);
  if (!inflated.ok) throw new Error(inflated.message);
  const command = await step(`${name}: JSON`, meters.of('json'), (meter) =>
    decodeInflated(value, inflated.value, meter),
  );
  if (!command.ok) throw new Error(command.message);
  return command.value;
}

async function run(name: string, shape: MetadataShape, compress: boolean): Promise<void> {
  const document = largeMetadata(shape, { epoch: 5, local: '127.0.0.1:7000' });
  const frame = encodeCommand(['UMCTL', 'SETCLUSTER', ...encodeSetCluster(document, { compress })]);
  const scanner = new RequestScanner();
  scanner.scan(frame, 0, frame.length);
  const starts = scanner.argStart.slice(0, scanner.argc);
  const ends = scanner.argEnd.slice(0, scanner.argc);
  const command = await read(name, new FrameWords(frame, { starts, ends }, 2));
  if (compress) return;
  const table = await step(`${name}: table`, meters.of('table'), (meter) =>
    routingTableSlices(command, SELF, meter),
  );
  const source = { table, self: SELF, links: [], idOf: sha1 };
  const view = await step(`${name}: view`, meters.of('SLOTS'), (m) => clusterViewSlices(source, m));
  await step(`${name}: SLOTS`, meters.of('SLOTS'), (meter) => slotsSlices(view, 2, meter));
  await step(`${name}: NODES`, meters.of('NODES'), (meter) =>
    nodesSlices(view, { protocol: 2, selfId: '' }, meter),
  );
  await step(`${name}: SHARDS`, meters.of('SHARDS'), (meter) => shardsSlices(view, 2, meter));
  await step(`${name}: UMCTL INFO`, meters.of('METADATA'), (meter) => metadataSlices(table, meter));
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

for (let round = 0; round < ROUNDS; round++) {
  for (const compress of [false, true]) {
    await run('1,000 proxies', MANY_PROXIES, compress);
    await run('single slots of 2', SINGLE_SLOTS_OF_TWO, compress);
    await run('single slots of 1,024', SINGLE_SLOTS_OF_MANY, compress);
  }
}
const show = ({ slices, sumMs, longestMs }: Figures): string =>
  `${slices} slices, ${sumMs.toFixed(1)} ms, longest ${longestMs.toFixed(2)} ms`;
for (const [title, list] of figures) {
  const warm = list.slice(2).toSorted((left, right) => left.longestMs - right.longestMs);
  console.log(title);
  console.log(`  first   ${show(list[0]!)}`);
  console.log(`  median  ${show(warm[warm.length >> 1]!)}`);
}
