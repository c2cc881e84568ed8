import { encodeSetCluster, type SetCluster } from '@undermoon/cluster-meta';
import { encodeCommand, RequestScanner, type RespValue } from '@undermoon/resp';
import { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import type { ProxyServer } from '../../src/index.ts';
import { ControlRequest } from '../../src/shell/control-request.ts';
import { askControl, controlAt } from './control-fixture.ts';
import {
  largeMetadata,
  MANY_PROXIES,
  SINGLE_SLOTS_OF_MANY,
  SINGLE_SLOTS_OF_TWO,
} from './large-metadata.ts';
import { useProxies } from './use-proxies.ts';

const LOCAL = '127.0.0.1:1';
const proxies = useProxies();

async function connect(proxy: ProxyServer): Promise<RawClient> {
  const client = await RawClient.connect(proxy.address);
  proxies.endWith(() => client.close());
  return client;
}

function frameOf(document: SetCluster, compress = false): Buffer {
  return encodeCommand(['UMCTL', 'SETCLUSTER', ...encodeSetCluster(document, { compress })]);
}

const textOf = (value: RespValue): string =>
  value.type === 'simple' || value.type === 'error' ? value.value : JSON.stringify(value);

/** Pings until `isOver`, and counts the answers. */
async function countPings(client: RawClient, isOver: () => boolean): Promise<number> {
  let count = 0;
  while (!isOver()) {
    await client.command('PING');
    count += 1;
  }
  return count;
}

const SHAPES = [
  { name: 'a thousand proxies', shape: MANY_PROXIES },
  { name: 'single slots of two proxies', shape: SINGLE_SLOTS_OF_TWO },
  { name: 'single slots of a thousand', shape: SINGLE_SLOTS_OF_MANY },
];

test.each(SHAPES)(
  '$name: other clients are served while the metadata is read',
  async ({ shape }) => {
    const proxy = await proxies.start();
    const [sender, other] = [await connect(proxy), await connect(proxy)];
    for (const [index, compress] of [false, true].entries()) {
      const document = largeMetadata(shape, { epoch: index + 1, local: LOCAL });
      let isOver = false;
      const answered = sender.reply().finally(() => (isOver = true));
      await sender.send(frameOf(document, compress));
      // Client and proxy share one event loop, and a ping takes a few of its turns: without slices there
      // would be none or one before the answer.
      expect(await countPings(other, () => isOver)).toBeGreaterThan(2);
      expect(textOf(await answered)).toBe('OK');
      expect(proxy.epoch).toBe(index + 1);
      isOver = false;
      const slots = sender.command('CLUSTER', 'SLOTS').finally(() => (isOver = true));
      expect(await countPings(other, () => isOver)).toBeGreaterThan(2);
      const ranges = await slots;
      expect(ranges.type === 'array' && ranges.items).toHaveLength(
        shape.proxies * shape.rangesEach,
      );
    }
  },
);

test('the sender is answered when its metadata is in force, and what it sent behind waits', async () => {
  const proxy = await proxies.start();
  const client = await connect(proxy);
  const document = largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 7, local: LOCAL });
  await client.send(
    Buffer.concat([
      encodeCommand(['PING']),
      frameOf(document),
      encodeCommand(['UMCTL', 'GETEPOCH']),
      encodeCommand(['CLUSTER', 'SLOTS']),
      encodeCommand(['ECHO', 'last']),
    ]),
  );
  const [ping, set, epoch, slots, last] = await client.replies(5);
  expect([ping, set, epoch]).toMatchObject([{ value: 'PONG' }, { value: 'OK' }, { value: 7 }]);
  expect(slots).toMatchObject({ type: 'array' });
  expect(JSON.stringify(last)).toContain(JSON.stringify(Buffer.from('last')));
});

test('of two documents on their way the first one counts first', async () => {
  const proxy = await proxies.start();
  const [first, second] = [await connect(proxy), await connect(proxy)];
  const replies = [first.reply(), second.reply()];
  const large = frameOf(largeMetadata(SINGLE_SLOTS_OF_MANY, { epoch: 9, local: LOCAL }));
  // The end of the large one comes when the small one is there already.
  await first.send(large);
  await second.send(encodeCommand('UMCTL SETCLUSTER v2 8 NOFLAG c'.split(' ')));
  expect((await Promise.all(replies)).map(textOf)).toContain('OK');
  // Whichever was complete first: the higher epoch is what remains.
  expect(proxy.epoch).toBe(9);
  expect(textOf(await second.command(...'UMCTL SETCLUSTER v2 8 NOFLAG c'.split(' ')))).toBe(
    'OLD_EPOCH',
  );
  await second.send(
    Buffer.concat([
      frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 11, local: LOCAL })),
      encodeCommand('UMCTL SETCLUSTER v2 10 NOFLAG c'.split(' ')),
    ]),
  );
  expect((await second.replies(2)).map(textOf)).toEqual(['OK', 'OLD_EPOCH']);
});

test('metadata of a sender that is gone counts', async () => {
  const proxy = await proxies.start();
  const [gone, other] = [await connect(proxy), await connect(proxy)];
  await gone.send(frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 3, local: LOCAL })));
  gone.end();
  await gone.closed;
  while (proxy.epoch !== 3) await other.command('PING');
  expect(await other.command('UMCTL', 'GETEPOCH')).toMatchObject({ value: 3 });
});

test('metadata that the program installs between two slices counts', async () => {
  const control = controlAt('127.0.0.1:5299');
  const scanner = new RequestScanner();
  const frame = frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 4, local: LOCAL }));
  const end = scanner.scan(frame, 0, frame.length);
  const late = new Promise<Buffer>((resolve) => {
    const request = new ControlRequest(scanner, frame, 0, end);
    expect(
      control.begin(
        request,
        { protocol: 2, isPlain: false, isReplicaPort: false, fromServers: [] },
        resolve,
      ),
    ).toBeNull();
  });
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(control.table.epoch).toBe(0);
  expect(askControl(control, 'UMCTL SETCLUSTER v2 5 NOFLAG c'.split(' '))).toBe('+OK\r\n');
  expect((await late).toString()).toBe('-OLD_EPOCH\r\n');
  expect(control.table.epoch).toBe(5);
});

test('close answers the metadata that it finds on its way; destroy drops it', async () => {
  const proxy = await proxies.start();
  const client = await connect(proxy);
  await client.send(frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 3, local: LOCAL })));
  const reply = client.reply();
  const other = await connect(proxy);
  await other.command('PING');
  await proxy.close();
  expect(textOf(await reply)).toBe('OK');
  await client.closed;
  const destroyed = await proxies.start();
  const cut = await connect(destroyed);
  await cut.send(frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 3, local: LOCAL }), true));
  await (await connect(destroyed)).command('PING');
  destroyed.destroy();
  await cut.closed;
  expect(destroyed.epoch).toBe(0);
});

test('all clients that ask after a swap get the same reply', async () => {
  const proxy = await proxies.start();
  const sender = await connect(proxy);
  const clients = await Promise.all(Array.from({ length: 12 }, () => connect(proxy)));
  await sender.send(frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 3, local: LOCAL })));
  expect(textOf(await sender.reply())).toBe('OK');
  const ask = encodeCommand(['CLUSTER', 'SLOTS']);
  await Promise.all(clients.map((client) => client.send(ask)));
  await Promise.all(clients.map((client) => client.reply()));
  const [expected, ...others] = clients.map((client) => client.receivedBytes);
  expect(expected?.length).toBeGreaterThan(1_000_000);
  for (const bytes of others) expect(expected?.equals(bytes)).toBe(true);
});

test('metadata has limits', async () => {
  const proxy = await proxies.start({ metadataBytesMax: 200_000 });
  const client = await connect(proxy);
  const large = frameOf(largeMetadata(SINGLE_SLOTS_OF_TWO, { epoch: 3, local: LOCAL }));
  await client.send(large);
  expect(textOf(await client.reply())).toBe(
    `ERR ${large.length} bytes of metadata at once: at most 200000 (metadataBytesMax)`,
  );
  const local = Array.from({ length: 65 }, (_, i) => ['127.0.0.1:' + (i + 1), '0']).flat();
  const refused = await client.command('UMCTL', 'SETCLUSTER', 'v2', '1', 'NOFLAG', 'c', ...local);
  expect(textOf(refused)).toBe(
    'Failed to parse args: InvalidArgs: 65 nodes: at most 64 (localNodesMax)',
  );
  const other = await connect(await proxies.start());
  const peers = Array.from({ length: 10_001 }, (_, i) => [`h${i}:1`, '0']).flat();
  const many = await other.command(
    'UMCTL',
    'SETCLUSTER',
    'v2',
    '1',
    'NOFLAG',
    'c',
    'PEER',
    ...peers,
  );
  expect(textOf(many)).toContain('peer[10000]: more than 10000 addresses');
  const badWord = encodeCommand(['UMCTL', 'SETCLUSTER', 'v2', '1', Uint8Array.of(0xc3), 'c']);
  await other.send(badWord);
  expect(textOf(await other.reply())).toBe('Failed to parse args: InvalidArgs: word 4: not UTF-8');
});
