import { connect } from 'node:net';
import { hostOf, parseEpoch, portOf, type Epoch, type NodeAddress } from '@undermoon/cluster-meta';

const TIMEOUT_MS = 1000;

/** Proxies that are asked at the same time. */
export const FETCHES_MAX = 64;

const REPLY_BYTES_MAX = 1024;
const GETEPOCH = '*2\r\n$5\r\nUMCTL\r\n$8\r\nGETEPOCH\r\n';

/**
 * Asks a proxy for its epoch: `UMCTL GETEPOCH`, one second for connecting and for each part of the reply.
 * Null when it cannot be reached or answers something else than a whole number.
 */
export function fetchProxyEpoch(address: NodeAddress): Promise<Epoch | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostOf(address), port: portOf(address) });
    let reply = '';
    const finish = (epoch: Epoch | null): void => {
      socket.destroy();
      resolve(epoch);
    };
    socket.setTimeout(TIMEOUT_MS, () => finish(null));
    socket.on('error', () => finish(null));
    socket.on('end', () => finish(null));
    socket.on('connect', () => socket.write(GETEPOCH));
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString('latin1');
      const end = reply.indexOf('\r\n');
      if (end !== -1) finish(parseIntegerReply(reply.slice(0, end)));
      else if (reply.length > REPLY_BYTES_MAX) finish(null);
    });
  });
}

/** Asks several proxies, at most FETCHES_MAX at a time. */
export async function fetchEpochs(
  addresses: readonly NodeAddress[],
  fetchEpoch: (address: NodeAddress) => Promise<Epoch | null>,
): Promise<ReadonlyMap<NodeAddress, Epoch | null>> {
  const answers = new Map<NodeAddress, Epoch | null>();
  for (let from = 0; from < addresses.length; from += FETCHES_MAX) {
    const batch = addresses.slice(from, from + FETCHES_MAX);
    const epochs = await Promise.all(batch.map((address) => fetchEpoch(address)));
    for (const [index, address] of batch.entries()) answers.set(address, epochs[index] ?? null);
  }
  return answers;
}

function parseIntegerReply(line: string): Epoch | null {
  return line.startsWith(':') ? parseEpoch(line.slice(1)) : null;
}
