import net from 'node:net';
import { once } from 'node:events';
import type {
  AcceptedConnection,
  Transport,
  TransportFactory,
  TransportHandler,
} from './transport.ts';

/** As many at once, so that a runtime which mixes up those that travel together is found out. */
const TRIAL_COUNT = 3;
const TRIAL_TIMEOUT_MS = 2000;

/** Answers such a connection with its own bytes, from now on. */
export function echoTrial(transports: TransportFactory, connection: AcceptedConnection): void {
  const echo = new TrialEcho();
  echo.attach(transports.accepted(connection, echo));
}

class TrialEcho implements TransportHandler {
  #transport: Transport | null = null;

  attach(transport: Transport): void {
    this.#transport = transport;
  }

  onBytes(buffer: Buffer, length: number): void {
    this.#transport?.write(Buffer.from(buffer.subarray(0, length)));
  }

  onDrain(): void {
    // Nothing waits for room here.
  }

  onEnd(): void {
    this.#transport?.end();
  }

  onClose(): void {
    // The other side notices.
  }
}

/** Whether connections that are accepted here and sent by `send` are served at the other end. */
export async function isSendingWorking(
  transports: TransportFactory,
  send: (connection: AcceptedConnection) => void,
): Promise<boolean> {
  const server = net.createServer({ pauseOnConnect: true });
  const clients: net.Socket[] = [];
  try {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') return false;
    const accepted: AcceptedConnection[] = [];
    transports.acceptFrom(server, (connection) => {
      accepted.push(connection);
      if (accepted.length === TRIAL_COUNT) for (const one of accepted) send(one);
    });
    for (let i = 0; i < TRIAL_COUNT; i++) clients.push(net.connect(address.port, address.address));
    const echoes = await Promise.all(clients.map((client, i) => echoOf(client, `${i}`)));
    return echoes.every((echo, i) => echo === `${i}`);
  } finally {
    for (const client of clients) client.destroy();
    server.close();
  }
}

/** What comes back for a text; empty when nothing does. */
function echoOf(client: net.Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    client.setTimeout(TRIAL_TIMEOUT_MS, () => resolve(''));
    client.on('error', () => resolve(''));
    client.on('close', () => resolve(''));
    client.on('data', (bytes) => resolve(bytes.toString()));
    client.write(text);
  });
}
