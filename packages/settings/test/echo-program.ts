// A whole program around a small server, for the tests of a process from start to exit.
import { createServer, type Server, type Socket } from 'node:net';

import { silentLogger } from '@undermoon/runtime';

import { helpSections, type Program } from '../src/index.ts';
import { packageVersion, runProgram } from '../src/node/index.ts';

const SETTINGS = {
  address: { type: 'address', group: 'A', default: '127.0.0.1:0', isListener: true, doc: 'Where.' },
  stuck: { type: 'bool', group: 'A', default: false, doc: 'Never finishes closing.' },
  slow: { type: 'bool', group: 'A', default: false, doc: 'Never finishes starting.' },
  refuse: { type: 'string', group: 'A', default: '', doc: 'Throws when made.' },
} as const;

const PROGRAM: Program<typeof SETTINGS> = {
  name: 'echo',
  summary: 'Answers what it is told.',
  fileName: 'echo.toml',
  settings: SETTINGS,
  obsolete: [],
};

interface ServerEvents {
  shutdown(): void;
  failure(): void;
}

class EchoServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #host: string;
  readonly #port: number;
  readonly #isStuck: boolean;
  readonly #isSlow: boolean;

  constructor(address: string, how: { stuck: boolean; slow: boolean }, on: ServerEvents) {
    const colon = address.lastIndexOf(':');
    this.#host = address.slice(0, colon);
    this.#port = Number(address.slice(colon + 1));
    this.#isStuck = how.stuck;
    this.#isSlow = how.slow;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('data', (bytes) => {
        if (bytes.toString() === 'shutdown') on.shutdown();
        else if (bytes.toString() === 'fail') on.failure();
        else socket.write(bytes);
      });
    });
  }

  get address(): string {
    const bound = this.#server.address();
    return `${this.#host}:${typeof bound === 'object' && bound !== null ? bound.port : this.#port}`;
  }

  listen(): Promise<void> {
    if (this.#isSlow) process.stdout.write('starting\n');
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#host, () => {
        if (!this.#isSlow) resolve();
      });
    });
  }

  close({ drainTimeoutMs = 0 }: { drainTimeoutMs?: number } = {}): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        if (!this.#isStuck) resolve();
      });
      setTimeout(() => this.destroy(), drainTimeoutMs).unref();
    });
  }

  destroy(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

const show = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

process.exit(
  await runProgram({
    program: PROGRAM,
    argv: process.argv.slice(2),
    env: process.env,
    showHelp: () =>
      show(
        helpSections(PROGRAM, '1')
          .map(({ body }) => body)
          .join('\n'),
      ),
    showVersion: () => show(packageVersion(import.meta.url)),
    createLogger: () => ({
      ...silentLogger,
      warn: (fields, message) =>
        process.stderr.write(`warn ${message} ${JSON.stringify(fields)}\n`),
      error: ({ err }, message) => process.stderr.write(`error ${message} ${String(err)}\n`),
    }),
    createServer: ({ values }) => {
      if (values.refuse === 'option') throw Object.assign(new Error('bad option'), { code: 'X' });
      if (values.refuse === 'bug') throw new TypeError('a bug');
      let ask: ((reason: string) => void) | undefined;
      let fail: ((error: Error) => void) | undefined;
      const stopRequested = new Promise<string>((resolve, reject) => {
        ask = resolve;
        fail = reject;
      });
      const server = new EchoServer(values.address, values, {
        shutdown: () => ask?.('told so'),
        failure: () => fail?.(new Error('out of order')),
      });
      return { server, address: values.address, stopRequested };
    },
  }),
);
