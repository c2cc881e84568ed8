import { once } from 'node:events';
import net from 'node:net';
import { encodeCommand, scanReply } from '@undermoon/resp';

/** A connection to a server that shows replies as the bytes they came in. */
export class RedisProbe {
  readonly #socket: net.Socket;
  #bytes: Buffer = Buffer.alloc(0);

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
  }

  static async open(port: number): Promise<RedisProbe> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RedisProbe(socket);
  }

  /** The reply's bytes as text. */
  async ask(words: readonly (string | Uint8Array)[]): Promise<string> {
    this.#socket.write(encodeCommand(words));
    for (;;) {
      const end = scanReply(this.#bytes, 0, this.#bytes.length);
      if (end >= 0) {
        const reply = this.#bytes.subarray(0, end).toString();
        this.#bytes = this.#bytes.subarray(end);
        return reply;
      }
      await once(this.#socket, 'data');
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
