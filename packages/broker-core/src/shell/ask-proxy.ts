import { connect } from 'node:net';
import { hostOf, portOf, type NodeAddress } from '@undermoon/cluster-meta';

/** Proxies that are asked at the same time. */
export const ASKED_MAX = 64;

const TIMEOUT_MS = 1000;
const LINE_BYTES_MAX = 1024;

/**
 * Sends a proxy one command and returns the first line of its reply; one second for connecting and for each part
 * of the reply. Null when it cannot be reached, or there is no such line.
 */
export function askProxy(address: NodeAddress, words: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostOf(address), port: portOf(address) });
    let reply = '';
    const finish = (line: string | null): void => {
      socket.destroy();
      resolve(line);
    };
    socket.setTimeout(TIMEOUT_MS, () => finish(null));
    socket.on('error', () => finish(null));
    socket.on('end', () => finish(null));
    socket.on('connect', () => socket.write(commandOf(words)));
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString('latin1');
      const end = reply.indexOf('\r\n');
      if (end !== -1) finish(reply.slice(0, end));
      else if (reply.length > LINE_BYTES_MAX) finish(null);
    });
  });
}

/** Asks about several things, at most ASKED_MAX at a time. Answers are in the order of the questions. */
export async function askEach<Q, A>(
  questions: readonly Q[],
  ask: (question: Q) => Promise<A>,
): Promise<A[]> {
  const answers: A[] = [];
  for (let from = 0; from < questions.length; from += ASKED_MAX) {
    const batch = questions.slice(from, from + ASKED_MAX);
    answers.push(...(await Promise.all(batch.map((question) => ask(question)))));
  }
  return answers;
}

function commandOf(words: readonly string[]): string {
  const bulks = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${bulks.join('')}`;
}
