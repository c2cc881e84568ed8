import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { NodeAddress } from '@undermoon/cluster-meta';
import { RespWriter, textOf, ValueDecoder } from '@undermoon/resp';
import { address } from './fixtures.ts';

/** What to answer: bytes, or null for silence. */
export type Answer = (words: readonly string[], peer: PeerProxy) => Uint8Array | null;

/** A proxy on the wire, as a script: it takes metadata by the rule of epochs. */
export class PeerProxy {
  readonly commands: (readonly string[])[] = [];
  readonly connections: Set<Socket> = new Set();
  connectionCount = 0;
  replEpoch = 0;
  clusterEpoch = 0;
  finished: string[] = [];
  isFrozen = false;
  answer: Answer = answerAsProxy;
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  constructor() {
    this.#server = createServer((socket) => this.#onSocket(socket));
  }

  get address(): NodeAddress {
    return address(`127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.dropConnections();
    await closed;
  }

  dropConnections(): void {
    for (const socket of this.connections) socket.destroy();
  }

  /** Commands whose first words are these, upper-cased. */
  received(...start: readonly string[]): (readonly string[])[] {
    return this.commands.filter((words) =>
      start.every((word, index) => words[index]?.toUpperCase() === word),
    );
  }

  /** Resolves when the condition holds; it is looked at after each command and each closed connection. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #onSocket(socket: Socket): void {
    this.connectionCount += 1;
    this.connections.add(socket);
    const decoder = new ValueDecoder();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.connections.delete(socket);
      this.#changed();
    });
    socket.on('data', (chunk) => {
      decoder.push(chunk);
      for (let value = decoder.next(); value !== undefined; value = decoder.next()) {
        if (value.type !== 'array') throw new Error(`a ${value.type} as a command`);
        const words = value.items.map((item) => textOf(item) ?? '');
        this.commands.push(words);
        const reply = this.isFrozen ? null : this.answer(words, this);
        if (reply !== null && socket.writable) socket.write(reply);
      }
      this.#changed();
    });
  }
}

/** What a proxy answers. */
export function answerAsProxy(words: readonly string[], peer: PeerProxy): Uint8Array {
  const reply = new RespWriter(2);
  const [name = '', sub = ''] = words.map((word) => word.toUpperCase());
  if (name === 'PING') return reply.simple('PONG').take();
  if (name !== 'UMCTL') return reply.error(`ERR unknown command '${name}'`).take();
  switch (sub) {
    case 'GETEPOCH':
      return reply.integer(peer.clusterEpoch).take();
    case 'INFOMGR':
      reply.array(peer.finished.length);
      for (const task of peer.finished) reply.bulk(task);
      return reply.take();
    case 'SETREPL': {
      const epoch = Number(words[2]);
      if (epoch <= peer.replEpoch) return reply.error('OLD_EPOCH').take();
      peer.replEpoch = epoch;
      return reply.simple('OK').take();
    }
    case 'SETCLUSTER': {
      const epoch = Number(words[3]);
      if (epoch <= peer.clusterEpoch) return reply.error('OLD_EPOCH').take();
      peer.clusterEpoch = epoch;
      return reply.simple('OK').take();
    }
    default:
      return reply.error('Invalid sub command').take();
  }
}
