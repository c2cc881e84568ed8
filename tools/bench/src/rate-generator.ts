import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCommand, ReplyStream } from '@undermoon/resp';
import { LatencyHistogram } from './latency-histogram.ts';
import { dueAtUs, dueCount, GROUP_US, LATE_US, type RateJob } from './rate-job.ts';
import { KEY_COUNT } from './redis-benchmark.ts';

const READ_BYTES = 64 * 1024;
/** Requests under way on one connection; a server that is further behind does not carry the rate. */
const PENDING_MAX = 16_384;
const COMMAND_COUNT = 8192;
const REPLIES_TIMEOUT_MS = 10_000;
const MINUS = 0x2d;
/** How long a wait for replies may last; the kernel makes it about 50 µs longer. */
const LOOK_AGAIN_US = 50;

/** One connection. The due times of requests under way are a ring; both ends only count up. */
interface Connection {
  readonly socket: Socket;
  readonly replies: ReplyStream;
  readonly dueUs: Float64Array;
  head: number;
  tail: number;
}

/** Sends requests at a fixed rate, and notes for each the time from when it was due to its reply. */
export class RateGenerator {
  readonly histogram: LatencyHistogram = new LatencyHistogram();
  readonly #job: RateJob;
  readonly #commands = randomCommands();
  readonly #connections: Connection[] = [];
  readonly #end: number;
  readonly #countedFromUs: number;
  readonly #onCounting: () => void;
  #startUs = 0;
  #sent = 0;
  #answered = 0;
  #errors = 0;
  #lateCount = 0;
  #isCounting = false;
  #isOver = false;
  #finish: (error?: Error) => void = () => undefined;

  /** `onCounting` is called when the warm-up is over. */
  constructor(job: RateJob, onCounting: () => void) {
    this.#job = job;
    this.#onCounting = onCounting;
    this.#countedFromUs = job.warmUpMs * 1000;
    this.#end = dueCount((job.warmUpMs + job.measureMs) * 1000 - 1, job.requestsPerSecond);
  }

  /** Error replies. */
  get errors(): number {
    return this.#errors;
  }

  /** Counted requests that left more than LATE_US after they were due. */
  get lateCount(): number {
    return this.#lateCount;
  }

  /** Runs the job until the last reply. Rejects when the server is cut off or falls too far behind. */
  async run(): Promise<void> {
    const buffer = Buffer.alloc(READ_BYTES);
    for (let index = 0; index < this.#job.connections; index += 1) {
      this.#connections.push(await this.#open(buffer));
    }
    const finished = new Promise<void>((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#startUs = nowUs();
    const { warmUpMs, measureMs } = this.#job;
    const late = setTimeout(
      () => this.#finish(new Error(`${this.#end - this.#answered} replies are missing`)),
      warmUpMs + measureMs + REPLIES_TIMEOUT_MS,
    );
    this.#turn();
    try {
      await finished;
    } finally {
      clearTimeout(late);
      this.#isOver = true;
      for (const { socket } of this.#connections) socket.destroy();
    }
  }

  async #open(buffer: Buffer): Promise<Connection> {
    const socket = connect({
      port: this.#job.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer, callback: (count) => this.#onBytes(connection, buffer, count) },
    });
    const connection: Connection = {
      socket,
      replies: new ReplyStream(),
      dueUs: new Float64Array(PENDING_MAX),
      head: 0,
      tail: 0,
    };
    await once(socket, 'connect');
    socket.on('error', (error) => this.#finish(error));
    socket.on('close', () => this.#finish(new Error('a connection was closed')));
    return connection;
  }

  /**
   * Sends what is due, then sleeps, then lets the event loop read. Timers of Node.js count in whole
   * milliseconds, and waking up by a message from another thread costs as much as thirty requests.
   */
  #turn(): void {
    if (this.#isOver) return;
    const elapsedUs = nowUs() - this.#startUs;
    this.#sendDue(elapsedUs);
    const nextUs = (Math.floor(elapsedUs / GROUP_US) + 1) * GROUP_US;
    const leftUs = nextUs - (nowUs() - this.#startUs);
    if (leftUs > 0) Atomics.wait(NEVER, 0, 0, Math.min(leftUs, LOOK_AGAIN_US) / 1000);
    setImmediate(() => this.#turn());
  }

  #sendDue(elapsedUs: number): void {
    const { requestsPerSecond } = this.#job;
    if (!this.#isCounting && elapsedUs >= this.#countedFromUs) {
      this.#isCounting = true;
      this.#onCounting();
    }
    const due = Math.min(this.#end, dueCount(elapsedUs, requestsPerSecond));
    for (; this.#sent < due; this.#sent += 1) {
      const connection = this.#connections[this.#sent % this.#connections.length];
      const command = this.#commands[this.#sent % COMMAND_COUNT];
      if (connection === undefined || command === undefined) return;
      if (connection.tail - connection.head === PENDING_MAX) {
        this.#finish(new Error(`the server does not carry ${requestsPerSecond} requests/s`));
        return;
      }
      const dueUs = dueAtUs(this.#sent, requestsPerSecond);
      connection.dueUs[connection.tail % PENDING_MAX] = dueUs;
      connection.tail += 1;
      if (dueUs >= this.#countedFromUs && elapsedUs - dueUs > LATE_US) this.#lateCount += 1;
      connection.socket.write(command);
    }
  }

  #onBytes(connection: Connection, buffer: Buffer, count: number): boolean {
    const elapsedUs = nowUs() - this.#startUs;
    let position = 0;
    while (position < count) {
      if (!connection.replies.isActive && buffer[position] === MINUS) this.#errors += 1;
      position = connection.replies.feed(buffer, position, count);
      if (position < 0) {
        this.#finish(new Error('a reply is not of the Redis protocol'));
        return false;
      }
      if (!connection.replies.isActive) this.#onReply(connection, elapsedUs);
    }
    return true;
  }

  #onReply(connection: Connection, elapsedUs: number): void {
    const dueUs = connection.dueUs[connection.head % PENDING_MAX] ?? 0;
    connection.head += 1;
    if (dueUs >= this.#countedFromUs) this.histogram.record(elapsedUs - dueUs);
    this.#answered += 1;
    if (this.#answered === this.#end) this.#finish();
  }
}

/** Every tenth is a SET, the others are GET, with random keys. */
function randomCommands(): readonly Buffer[] {
  const value = 'v'.repeat(64);
  return Array.from({ length: COMMAND_COUNT }, (_, index) => {
    const number = Math.floor(Math.random() * KEY_COUNT);
    const key = `v64:${String(number).padStart(12, '0')}`;
    return encodeCommand(index % 10 === 0 ? ['SET', key, value] : ['GET', key]);
  });
}

/** Nobody writes here, so that waiting for it is sleeping. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}
