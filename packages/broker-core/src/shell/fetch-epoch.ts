import { connect } from 'node:net';
import { hostOf, parseEpoch, portOf, type Epoch, type NodeAddress } from '@undermoon/cluster-meta';

const TIMEOUT_MS = 1000;
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

function parseIntegerReply(line: string): Epoch | null {
  return line.startsWith(':') ? parseEpoch(line.slice(1)) : null;
}
