import type { NodeAddress } from '@undermoon/cluster-meta';
import { encodeCommand, RespProtocolError, type RespValue, ValueDecoder } from '@undermoon/resp';
import type { Logger } from '@undermoon/runtime';
import { renderCommandList } from '../core/command-reply.ts';
import { lookupCommand } from '../core/command-lookup.ts';
import {
  isCommandName,
  type LearnedByName,
  type LearnedCommand,
  parseCommandInfo,
  renamed,
} from '../core/learned-command.ts';
import type { BackendConnection } from './backend-connection.ts';
import type { BackendGroup } from './backend-pool.ts';
import type { Client, ProxyContext, ServerCommands } from './proxy-context.ts';
import { ReplyText } from './reply-text.ts';

/** How long a name counts as unknown: the server may load a module. */
const UNKNOWN_MS = 10_000;
const LIST = encodeCommand(['COMMAND', 'LIST']);

/**
 * The commands that only the Redis servers know, such as those of modules and of newer versions. A server is asked
 * about a name when a client uses it, and about all names when a client asks for all; what was learned is
 * forgotten when the connection is lost, since the server that comes back may be another version.
 */
export class LearnedCommands implements ServerCommands {
  readonly #max: number;
  readonly #logger: Logger;
  readonly #known = new Map<string, LearnedCommand>();
  /** Names that no server knew, with the time until which that counts. */
  readonly #unknown = new Map<string, number>();
  readonly #lists: (Buffer | null)[] = [null, null];
  /** What a client waited for, until it comes back with the same question. */
  readonly #answers = new WeakMap<Client, { question: Buffer; reply: RespValue | null }>();
  #isComplete = false;
  #isFullNoted = false;

  constructor(max: number, logger: Logger) {
    this.#max = max;
    this.#logger = logger;
  }

  get byName(): LearnedByName {
    return this.#known;
  }

  /** Null: no server knows it. Undefined: a server has to be asked. */
  find(name: string, nowMs: number): LearnedCommand | null | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#max === 0 || !isCommandName(name)) return null;
    return (this.#unknown.get(name) ?? 0) > nowMs ? null : undefined;
  }

  /** Asks the servers about names. True: `done` is called in a later turn. False: none can be asked. */
  learn(context: ProxyContext, names: readonly string[], done: () => void): boolean {
    const asked = names.filter((name) => this.find(name, context.loop.nowMs) === undefined);
    if (asked.length === 0) return false;
    const command = encodeCommand(['COMMAND', 'INFO', ...asked]);
    return this.#ask(context, command, done, (reply) => {
      const found = parseCommandInfo(reply);
      asked.forEach((name, i) => this.#note(name, found[i] ?? null, context.loop.nowMs));
    });
  }

  /** The same about everything that the servers know and the proxy does not. */
  learnAll(context: ProxyContext, done: () => void): boolean {
    if (this.#isComplete || this.#max === 0) return false;
    const names = new Set<string>();
    const learn = (): void => {
      if (!this.learn(context, [...names], done)) done();
    };
    return this.#ask(context, LIST, learn, (reply) => {
      this.#isComplete = true;
      for (const item of reply.type === 'array' ? reply.items : []) {
        const name = item.type === 'bulk' ? item.value.toString('latin1').toLowerCase() : '';
        const isKnown = name.includes('|') || lookupCommand(Buffer.from(name), 0, name.length) >= 0;
        if (!isKnown && names.size < this.#max) names.add(name);
      }
    });
  }

  answerTo(client: Client, question: Buffer): RespValue | null | undefined {
    const known = this.#answers.get(client);
    this.#answers.delete(client);
    return known?.question.equals(question) === true ? known.reply : undefined;
  }

  ask(client: Client, question: Buffer): boolean {
    let answer: RespValue | null = null;
    const done = (): void => {
      this.#answers.set(client, { question, reply: answer });
      client.unpark();
    };
    return this.#ask(client.context, question, done, (reply) => {
      // One that knows the command counts more than one that does not.
      if (answer === null || answer.type === 'error') answer = reply;
    });
  }

  /** The reply to COMMAND; made once for what is known. Never to be changed. */
  commandList({ loop }: ProxyContext, protocol: 2 | 3): Buffer {
    if (this.#known.size === 0) return loop.commandList(protocol);
    return (this.#lists[protocol - 2] ??= renderCommandList(protocol, this.#known));
  }

  #note(name: string, command: LearnedCommand | null, nowMs: number): void {
    this.#lists.fill(null);
    if (command !== null && this.#known.size < this.#max) {
      this.#unknown.delete(name);
      this.#known.set(name, renamed(command, name));
      return;
    }
    if (command !== null && !this.#isFullNoted) {
      this.#isFullNoted = true;
      this.#logger.warn({ name, max: this.#max }, 'a command of a server is one too many to learn');
    }
    if (this.#known.has(name)) return;
    if (this.#unknown.size >= this.#max) this.#unknown.clear();
    this.#unknown.set(name, nowMs + UNKNOWN_MS);
  }

  #ask(
    context: ProxyContext,
    command: Buffer,
    done: () => void,
    take: (reply: RespValue) => void,
  ): boolean {
    let left = 0;
    const settle = (reply: RespValue | null): void => {
      if (reply !== null) take(reply);
      left--;
      if (left === 0) done();
    };
    for (const { address } of askedServers(context)) {
      const control = this.#controlOf(context, address);
      const sink = new ReplyText((text) => settle(text === null ? null : decoded(text)));
      if (control.request(sink, 1, false, command, 0, command.length)) left++;
    }
    return left > 0;
  }

  #controlOf({ dedicated }: ProxyContext, address: NodeAddress): BackendConnection {
    const control = dedicated.control(address);
    control.onLost = () => this.#forget();
    return control;
  }

  #forget(): void {
    this.#known.clear();
    this.#unknown.clear();
    this.#lists.fill(null);
    this.#isComplete = false;
    this.#isFullNoted = false;
  }
}

/** Those beside the proxy; without any, other proxies, which ask theirs. */
function askedServers({ servers, table }: ProxyContext): readonly BackendGroup[] {
  const own = servers.slice(0, table.peerStart);
  return own.length > 0 ? own : servers.slice(0, 1);
}

/** Null: it is no reply of this protocol, or longer than is read. */
function decoded(text: string): RespValue | null {
  try {
    const decoder = new ValueDecoder();
    decoder.push(Buffer.from(`${text}\r\n`, 'latin1'));
    return decoder.next() ?? null;
  } catch (error) {
    if (error instanceof RespProtocolError) return null;
    throw error;
  }
}
