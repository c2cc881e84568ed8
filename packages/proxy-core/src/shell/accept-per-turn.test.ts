import { once } from 'node:events';
import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { chooseTransports } from './choose-transports.ts';
import { Arena } from './slab.ts';
import { DEAF_HANDLER, type SocketKind, type TransportFactory } from './transport.ts';

const CLIENTS = 40;

async function startServer(kind: SocketKind): Promise<{
  transports: TransportFactory;
  server: net.Server;
  port: number;
}> {
  const transports = await chooseTransports(kind, new Arena());
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return { transports, server, port: address.port };
}

/** How many connections are accepted in each turn when all clients connect at once. */
async function acceptedPerTurn(kind: SocketKind, count: number): Promise<number[]> {
  const { transports, server, port } = await startServer(kind);
  const perTurn: number[] = [];
  let accepted = 0;
  let isCounting = false;
  const done = new Promise<void>((resolve) => {
    transports.acceptFrom(server, (connection) => {
      if (!isCounting) {
        perTurn.push(0);
        isCounting = true;
        setImmediate(() => (isCounting = false));
      }
      perTurn.push((perTurn.pop() ?? 0) + 1);
      transports.accepted(connection, DEAF_HANDLER).destroy();
      accepted++;
      if (accepted === CLIENTS) resolve();
    });
  });
  await transports.acceptPerTurn(server, count);
  const clients = Array.from({ length: CLIENTS }, () => net.connect(port, '127.0.0.1'));
  for (const client of clients) client.on('error', () => undefined);
  await done;
  for (const client of clients) client.destroy();
  server.close();
  return perTurn;
}

test('the runtime accepts one connection in a turn, several handles accept several', async () => {
  expect(Math.max(...(await acceptedPerTurn('raw-handle', 1)))).toBe(1);
  expect(Math.max(...(await acceptedPerTurn('raw-handle', 4)))).toBe(4);
});

test.each(['shared-buffer', 'data-events'] as const)('%s accept all connections', async (kind) => {
  const perTurn = await acceptedPerTurn(kind, 4);
  expect(perTurn.reduce((sum, count) => sum + count)).toBe(CLIENTS);
});

test('nobody is accepted once the server is closed, whenever the further handles come', async () => {
  for (const isClosedBefore of [true, false]) {
    const { transports, server, port } = await startServer('raw-handle');
    transports.acceptFrom(server, () => expect.unreachable('it was closed'));
    const closed = once(server, 'close');
    const accepting = transports.acceptPerTurn(server, 4);
    if (isClosedBefore) server.close();
    await accepting;
    if (!isClosedBefore) server.close();
    await closed;
    const client = net.connect(port, '127.0.0.1');
    onTestFinished(() => void client.destroy());
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  }
});
