import { connect, type Socket } from 'node:net';

import { hostOf, portOf, type NodeAddress } from '@undermoon/cluster-meta';
import {
  encodeCommand,
  RespProtocolError,
  textOf,
  ValueDecoder,
  type RespValue,
} from '@undermoon/resp';

const PROBE_TIMEOUT_MS = 1000;
// The first word of the error that a server with a password answers with.
const PASSWORD_ASKED = /^(?:NOAUTH|WRONGPASS)\b/;
// All replies asked for are small.
const REPLY_BYTES_MAX = 1024 * 1024;

/** Takes the reply, or null when there is none. */
type Waiter = (reply: RespValue | null) => void;

/** Whom to be at a proxy or a Redis server. */
export interface Credentials {
  /** The default user when null. */
  readonly username: string | null;
  readonly password: string;
}

interface Connection {
  readonly socket: Socket;
  readonly waiters: Waiter[];
}

/** Asks one proxy or Redis server, over one connection that is made again when it broke. */
export class NodeProbe {
  readonly #address: NodeAddress;
  readonly #credentials: Credentials | null;
  #connection: Connection | null = null;
  #asksPassword = false;

  constructor(address: NodeAddress, credentials: Credentials | null = null) {
    this.#address = address;
    this.#credentials = credentials;
  }

  /** Whether the last answer was that a password is needed, or another one than was given. */
  get asksPassword(): boolean {
    return this.#asksPassword;
  }

  /** Whether somebody answers, if only with an error. */
  async answers(): Promise<boolean> {
    return (await this.#send(['PING'])) !== null;
  }

  /** The text of the reply, or null when there is none in time or it is none of text. */
  async ask(...words: readonly string[]): Promise<string | null> {
    const reply = await this.#send(words);
    return reply === null ? null : textOf(reply);
  }

  /** A whole number, or null. */
  async askNumber(...words: readonly string[]): Promise<number | null> {
    const reply = await this.#send(words);
    return reply?.type === 'integer' ? Number(reply.value) : null;
  }

  /** The `name:value` lines of an INFO reply, or null. */
  async askFields(...words: readonly string[]): Promise<ReadonlyMap<string, string> | null> {
    const text = await this.ask(...words);
    return text === null ? null : fieldsOf(text);
  }

  close(): void {
    if (this.#connection !== null) this.#drop(this.#connection);
  }

  #send(words: readonly string[]): Promise<RespValue | null> {
    const connection = (this.#connection ??= this.#open());
    return new Promise((resolve) => {
      // A late reply must not meet a later question, so that the connection ends with the wait.
      const timer = setTimeout(() => this.#drop(connection), PROBE_TIMEOUT_MS);
      connection.waiters.push((reply) => {
        clearTimeout(timer);
        if (reply !== null) {
          this.#asksPassword = reply.type === 'error' && PASSWORD_ASKED.test(reply.value);
        }
        resolve(reply);
      });
      connection.socket.write(encodeCommand(words));
    });
  }

  #open(): Connection {
    const socket = connect(portOf(this.#address), hostOf(this.#address));
    const connection: Connection = { socket, waiters: [] };
    const decoder = new ValueDecoder({ bulkBytesMax: REPLY_BYTES_MAX });
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#receive(connection, decoder, bytes));
    // What made it fail shows as a missing answer.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#drop(connection));
    if (this.#credentials !== null) {
      const { username, password } = this.#credentials;
      // Whether it was taken shows in the next reply; a server without a password refuses it and answers all the same.
      connection.waiters.push(() => undefined);
      socket.write(encodeCommand(['AUTH', ...(username === null ? [] : [username]), password]));
    }
    return connection;
  }

  #receive(connection: Connection, decoder: ValueDecoder, bytes: Buffer): void {
    try {
      decoder.push(bytes);
      for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) {
        connection.waiters.shift()?.(reply);
      }
    } catch (error) {
      if (!(error instanceof RespProtocolError)) throw error;
      this.#drop(connection);
    }
  }

  #drop(connection: Connection): void {
    if (this.#connection === connection) this.#connection = null;
    connection.socket.destroy();
    for (const waiter of connection.waiters.splice(0)) waiter(null);
  }
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
