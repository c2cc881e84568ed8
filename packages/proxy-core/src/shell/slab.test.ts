import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { tryRawTransports } from './raw-transports.ts';
import { Arena, READ_BYTES, SLAB_BYTES, type Slab } from './slab.ts';

test('a slab gathers bytes of the read buffer, of other memory and of any length', () => {
  const arena = new Arena();
  const slab = arena.take();
  const parts = [3, 48, 49, 5000].map((length, i) => Buffer.alloc(length, `${i}`));
  const expected: Buffer[] = [];
  for (const part of parts) {
    part.copy(arena.readBuffer, 7);
    slab.append(arena.memory, 7, 7 + part.length);
    slab.append(part, 1, part.length);
    expected.push(part, part.subarray(1));
  }
  expect(slab.view()).toEqual(Buffer.concat(expected));
  expect(slab.view().buffer).toBe(arena.memory.buffer);
});

test('no two slabs share memory, those beyond the arena neither', () => {
  const arena = new Arena();
  const slabs = Array.from({ length: 40 }, () => arena.take());
  const full = slabs.map((_, i) => Buffer.alloc(SLAB_BYTES, i));
  slabs.forEach((slab, i) => slab.append(full[i]!, 0, SLAB_BYTES));
  expect(slabs.every((slab, i) => slab.view().equals(full[i]!))).toBe(true);
  const outside = slabs.filter((slab) => slab.view().buffer !== arena.memory.buffer);
  expect(outside.length).toBe(40 - (arena.memory.length - READ_BYTES) / SLAB_BYTES);
});

test('a slab that was given back is empty when it is taken again', () => {
  const arena = new Arena();
  const slab = arena.take();
  slab.append(Buffer.from('abc'), 0, 3);
  arena.give(slab);
  expect(arena.take()).toBe(slab);
  expect(slab.length).toBe(0);
});

test('slabs of the arena are kept and come first, whichever were given back first', () => {
  const arena = new Arena();
  const isInside = (slab: Slab): boolean => slab.isIn(arena.memory);
  const insideCount = (arena.memory.length - READ_BYTES) / SLAB_BYTES;
  const slabs = Array.from({ length: 3 * insideCount }, () => arena.take());
  // Those with memory of their own fill whatever keeps free slabs before the arena's come back.
  for (const slab of slabs.toReversed()) arena.give(slab);
  const again = slabs.map(() => arena.take());
  expect(again.map(isInside)).toEqual(slabs.map((_, i) => i < insideCount));
  // Of the others as many are kept, the rest is made anew.
  expect(new Set([...slabs, ...again]).size).toBe(slabs.length + insideCount);
});

test('a slab that a socket still writes from comes back when it has been written', async () => {
  const arena = new Arena();
  const transports = await tryRawTransports(arena);
  const server = net.createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const accepted = once(server, 'connection');
  const events = new EventEmitter();
  const drained = once(events, 'drain');
  const connected = once(events, 'connect');
  const transport = transports!.connect(
    { address: { host: '127.0.0.1', port }, timeoutMs: 2000 },
    {
      onConnect: () => events.emit('connect'),
      onBytes: () => undefined,
      onDrain: () => events.emit('drain'),
      onEnd: () => undefined,
      onClose: () => undefined,
    },
  );
  await connected;
  const piece = Buffer.alloc(SLAB_BYTES, 'x');
  let slab = arena.take();
  let written = 0;
  for (;;) {
    slab.append(piece, 0, SLAB_BYTES);
    written += SLAB_BYTES;
    if (!transport.write(slab.view(), slab)) break;
    arena.give(slab);
    slab = arena.take();
  }
  const other = arena.take();
  expect(other).not.toBe(slab);
  const [peer] = (await accepted) as [net.Socket];
  let received = 0;
  peer.on('data', (bytes) => {
    received += bytes.length;
  });
  peer.resume();
  await drained;
  expect(arena.take()).toBe(slab);
  transport.end();
  await once(peer, 'end');
  expect(received).toBe(written);
  peer.destroy();
  server.close();
});
