import { encodeCommand, type RespValue } from '@undermoon/resp';
import { RawClient, type SeededRandom } from '@undermoon/testkit';
import { isText, judge, ListLedger, numberOf, type Verdict } from './expectation.ts';

const ECHO_SCRIPT = 'return ARGV[1]';
const PUSH_SCRIPT = "redis.call('RPUSH', KEYS[1], ARGV[1]) return ARGV[1]";
const KEYS = ['{b}', '{a}', '{f}', '{foo}'];

/** What all clients of a run count together. */
export interface FaultCounts {
  right: number;
  never: number;
  maybe: number;
  /** Replies that did not come since the client's connection was closed. */
  closed: number;
  slowestMs: number;
}

export interface FaultClientOptions {
  readonly address: string;
  readonly id: number;
  readonly random: SeededRandom;
  readonly isPlain: boolean;
  /** A batch has to be answered in this time. */
  readonly patienceMs: number;
  readonly counts: FaultCounts;
  readonly violations: string[];
}

/** One command, or a transaction, and what its replies have to be. */
interface Asked {
  readonly bytes: Buffer;
  readonly replyCount: number;
  readonly judge: (replies: readonly RespValue[]) => Verdict;
  /** The value that it writes, and where. */
  readonly written: { readonly ledger: ListLedger; readonly value: string } | null;
}

/** A client that sends numbered commands in pipelines and knows what each reply has to be. */
export class FaultClient {
  readonly ledgers: readonly ListLedger[];
  readonly #options: FaultClientOptions;
  #client: RawClient | null = null;
  #number = 0;

  constructor(options: FaultClientOptions) {
    this.#options = options;
    this.ledgers = KEYS.map((tag) => new ListLedger(`${tag}:list:${options.id}`));
  }

  /** Sends one pipeline and judges its replies. */
  async batch(): Promise<void> {
    const { random, counts, violations, id, patienceMs } = this.#options;
    const client = await this.#connected();
    const asked = Array.from({ length: 1 + random.int(30) }, () => this.#next());
    const all = asked.map((one) => Array.from({ length: one.replyCount }, () => client.reply()));
    const settled = Promise.all(all.map((replies) => Promise.allSettled(replies)));
    const startMs = performance.now();
    const bytes = Buffer.concat(asked.map((one) => one.bytes));
    const cut = random.int(bytes.length);
    const sent = client
      .send(bytes.subarray(0, cut))
      .then(() => client.send(bytes.subarray(cut)))
      .catch(() => undefined);
    const results = await inTime(settled, patienceMs);
    if (results === null) {
      violations.push(`client ${id}: no reply within ${patienceMs} ms`);
      await client.close();
      this.#client = null;
      return;
    }
    await sent;
    counts.slowestMs = Math.max(counts.slowestMs, Math.round(performance.now() - startMs));
    client.forgetReceived();
    asked.forEach((one, i) => this.#take(one, results[i] ?? []));
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  async #connected(): Promise<RawClient> {
    if (this.#client !== null) return this.#client;
    const { address, id } = this.#options;
    this.#client = await RawClient.connect(address);
    if (id % 2 === 1) await this.#client.command('HELLO', '3');
    return this.#client;
  }

  #take(asked: Asked, results: readonly PromiseSettledResult<RespValue>[]): void {
    const { counts, violations, id } = this.#options;
    const replies = results.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    if (replies.length < asked.replyCount) {
      counts.closed++;
      this.#client = null;
      return;
    }
    const verdict = asked.judge(replies);
    if (asked.written !== null) asked.written.ledger.values.set(asked.written.value, verdict);
    if (verdict === 'wrong') {
      const got = JSON.stringify(replies).slice(0, 300);
      violations.push(`client ${id}: ${asked.bytes.toString().slice(0, 120)} got ${got}`);
    } else counts[verdict]++;
  }

  #next(): Asked {
    const { random, id, isPlain } = this.#options;
    const token = `t${id}-${this.#number++}`;
    const ledger = random.pick(this.ledgers);
    const { key } = ledger;
    switch (random.int(isPlain ? 9 : 8)) {
      case 0:
        return single(['PING', token], (reply) => isText(reply, token));
      case 1: {
        const size = random.chance(0.05) ? 50_000 + random.int(200_000) : random.int(200);
        const value = `${token}:${'x'.repeat(size)}`;
        const words = ['EVAL_RO', ECHO_SCRIPT, '1', key, value];
        return single(words, (reply) => isText(reply, value));
      }
      case 2:
      case 3:
        return single(['LLEN', key], (reply) => ledger.accepts(numberOf(reply)));
      case 4:
        return this.#transaction(ledger, token);
      case 5: {
        const words = ['EVAL', PUSH_SCRIPT, '1', key, token];
        return written(ledger, token, words, (reply) => isText(reply, token));
      }
      case 6:
        return random.chance(0.1)
          ? single(['BLPOP', `${key}:none`, '0.01'], (reply) => reply.type === 'null')
          : single(['ECHO', token], (reply) => isText(reply, token));
      case 8: {
        const keys = this.ledgers.map((other) => `${other.key}:none`);
        return single(['EXISTS', ...keys], (reply) => numberOf(reply) === 0);
      }
      default:
        return written(ledger, token, ['RPUSH', key, token], (reply) =>
          ledger.accepts(numberOf(reply)),
        );
    }
  }

  #transaction(ledger: ListLedger, token: string): Asked {
    ledger.values.set(token, null);
    const commands = [['MULTI'], ['RPUSH', ledger.key, token], ['LLEN', ledger.key], ['EXEC']];
    return {
      bytes: Buffer.concat(commands.map((words) => encodeCommand(words))),
      replyCount: 4,
      judge: ([ok, first, second, last]) => {
        const isQueued = isText(ok, 'OK') && isText(first, 'QUEUED') && isText(second, 'QUEUED');
        if (!isQueued || last === undefined) return 'wrong';
        return judge(last, (reply) => {
          if (reply.type !== 'array') return false;
          const [pushed, length] = reply.items.map((item) => numberOf(item));
          return pushed === length && ledger.accepts(pushed ?? Number.NaN);
        });
      },
      written: { ledger, value: token },
    };
  }
}

function single(words: readonly string[], isRight: (reply: RespValue) => boolean): Asked {
  return {
    bytes: encodeCommand(words),
    replyCount: 1,
    judge: ([reply]) => (reply === undefined ? 'wrong' : judge(reply, isRight)),
    written: null,
  };
}

function written(
  ledger: ListLedger,
  value: string,
  words: readonly string[],
  isRight: (reply: RespValue) => boolean,
): Asked {
  ledger.values.set(value, null);
  return { ...single(words, isRight), written: { ledger, value } };
}

/** Null: it took longer. */
async function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  const result = await Promise.race([promise, late]);
  clearTimeout(timer);
  return result;
}
