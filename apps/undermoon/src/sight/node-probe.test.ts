import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

import { afterEach, expect, it } from 'vitest';

import { address } from '../../test/sights.ts';
import { NodeProbe, type Credentials } from './node-probe.ts';

const servers: Server[] = [];
const probes: NodeProbe[] = [];
afterEach(() => {
  for (const probe of probes.splice(0)) probe.close();
  for (const server of servers.splice(0)) server.close();
});

/** A probe of a server that does `onData` with each socket that has sent something. */
async function probeOf(
  onData: (socket: Socket, text: string) => void,
  credentials: Credentials | null = null,
): Promise<NodeProbe> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => onData(socket, String(bytes)));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const probe = new NodeProbe(address(`127.0.0.1:${port}`), credentials);
  probes.push(probe);
  return probe;
}

it('reads texts, numbers and fields', async () => {
  const replies = [
    '+PONG\r\n',
    ':7\r\n',
    '$22\r\nrole:master\r\nlag:a:b\r\n\r\n',
    '-ERR no\r\n',
    ':8\r\n',
  ];
  const probe = await probeOf((socket) => socket.write(replies.shift() ?? ''));
  expect(await probe.ask('PING')).toBe('PONG');
  expect(await probe.askNumber('UMCTL', 'GETEPOCH')).toBe(7);
  expect(await probe.askFields('INFO')).toEqual(
    new Map([
      ['role', 'master'],
      ['lag', 'a:b'],
    ]),
  );
  expect(await probe.askFields('INFO')).toBeNull();
  expect(await probe.askFields('INFO')).toEqual(new Map());
});

it('has no answer from a connection that ends or says nonsense, and connects again', async () => {
  const acts = [
    (socket: Socket) => socket.destroy(),
    (socket: Socket) => socket.write('?\r\n'),
    (socket: Socket) => socket.write(':1\r\n'),
  ];
  const probe = await probeOf((socket) => acts.shift()?.(socket));
  expect(await probe.askNumber('A')).toBeNull();
  expect(await probe.askNumber('B')).toBeNull();
  expect(await probe.askNumber('C')).toBe(1);
});

it('logs in first where it can, and tells who asks for a password', async () => {
  const refusing = await probeOf((socket) => socket.write('-NOAUTH Authentication required.\r\n'));
  expect(refusing.asksPassword).toBe(false);
  expect(await refusing.askFields('INFO')).toBeNull();
  expect(refusing.asksPassword).toBe(true);
  expect(await refusing.answers()).toBe(true);

  const heard: string[] = [];
  const credentials = { username: 'me', password: 'secret' };
  const probe = await probeOf((socket, text) => {
    heard.push(text);
    if (heard.join('').endsWith('PING\r\n')) socket.write('+OK\r\n+PONG\r\n');
  }, credentials);
  expect(await probe.ask('PING')).toBe('PONG');
  expect(probe.asksPassword).toBe(false);
  expect(heard.join('')).toContain('AUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n');
});

it('gives up on a silent server, with all that wait', async () => {
  const probe = await probeOf(() => undefined);
  const first = probe.ask('PING');
  const second = probe.ask('PING');
  expect(await Promise.all([first, second])).toEqual([null, null]);
});

it('has no answer where nobody listens', async () => {
  const probe = await probeOf(() => undefined);
  const [server] = servers.splice(0);
  server?.close();
  expect(await probe.ask('PING')).toBeNull();
});
