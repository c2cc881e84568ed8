import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ReplyStream } from '@undermoon/resp';

const MINUS = 0x2d;

/** A client that keeps no reply: it only notices when one is whole. */
export class CountingClient {
  readonly #socket: Socket;
  /** Called with each chunk; true: the reply is whole. */
  #isWholeAfter: (bytes: Buffer) => boolean = () => false;
  #resolve: (byteCount: number) => void = () => undefined;
  #reject: (reason: Error) => void = () => undefined;
  #received = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('close', () => this.#reject(new Error('the proxy closed the connection')));
    socket.on('error', (error) => this.#reject(error));
  }

  static async connect(port: number): Promise<CountingClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new CountingClient(socket);
  }

  /** Sends a command; resolves to the bytes of its reply. Rejects on an error reply. */
  ask(frame: Uint8Array): Promise<number> {
    const replies = new ReplyStream();
    return this.#send(frame, (bytes) => {
      replies.feed(bytes, 0, bytes.length);
      return !replies.isActive;
    });
  }

  /** The same where it is known how long the reply is, so that nobody has to look at it. */
  askFor(byteCount: number, frame: Uint8Array): Promise<number> {
    return this.#send(frame, () => this.#received >= byteCount);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(frame: Uint8Array, isWholeAfter: (bytes: Buffer) => boolean): Promise<number> {
    this.#isWholeAfter = isWholeAfter;
    this.#received = 0;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(frame);
    });
  }

  #onBytes(bytes: Buffer): void {
    if (this.#received === 0 && bytes[0] === MINUS) this.#reject(new Error(bytes.toString()));
    this.#received += bytes.length;
    if (this.#isWholeAfter(bytes)) this.#resolve(this.#received);
  }
}
