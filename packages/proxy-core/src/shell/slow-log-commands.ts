import { integerOf } from '../core/command-argument.ts';
import { errorReply, REPLY_OK } from '../core/replies.ts';
import { newestOf, slowLines, type SlowCommand } from '../core/slow-log.ts';
import { askLoops } from './ask-loops.ts';
import type { Client } from './proxy-context.ts';
import { written } from './written.ts';

const DEFAULT_COUNT = 10;
const BAD_COUNT = errorReply('ERR count should be greater than or equal to -1');
const NO_SUBCOMMAND = errorReply('invalid slowlog sub-command');
const EMPTY = Buffer.alloc(0);

/** SLOWLOG GET [count], LEN and RESET: of all loops. */
export function slowLogCommand(client: Client, args: readonly Buffer[]): void {
  const [, name, given] = args;
  switch (String(name).toLowerCase()) {
    case 'get': {
      const count = given === undefined ? DEFAULT_COUNT : integerOf(given);
      if (Number.isNaN(count) || count < -1) client.reply(BAD_COUNT);
      else get(client, count < 0 ? Number.MAX_SAFE_INTEGER : count);
      break;
    }
    case 'len':
      askLoops(client, { kind: 'slow-log', count: 0 }, ({ count }) =>
        written(client, (writer) => writer.integer(count)),
      );
      break;
    default:
      clear(client);
  }
}

function get(client: Client, count: number): void {
  askLoops(client, { kind: 'slow-log', count }, ({ slow }) => {
    const commands = newestOf(slow, count);
    return written(client, (writer) => {
      writer.array(commands.length);
      for (const { id, atMs, durationUs, args, peer, name } of commands) {
        writer
          .array(6)
          .integer(id)
          .integer(Math.floor(atMs / 1000))
          .integer(durationUs)
          .array(args.length);
        for (const word of args) writer.bulk(word);
        writer.bulk(peer).bulk(name);
      }
    });
  });
}

function clear(client: Client): void {
  askLoops(client, { kind: 'slow-log-clear' }, () => REPLY_OK);
}

/** UMCTL SLOWLOG GET [n] and RESET, as undermoon 0.6 answers them: the oldest commands first. */
export function umctlSlowLog(client: Client, args: readonly Buffer[]): void {
  const [, , name, given = EMPTY] = args;
  const word = String(name).toUpperCase();
  if (name === undefined) client.reply(errorReply('Missing sub command'));
  else if (word === 'RESET') clear(client);
  else if (word !== 'GET') client.reply(NO_SUBCOMMAND);
  else {
    const digits = /^\d{1,9}/.exec(String(given));
    const count = digits === null ? Number.MAX_SAFE_INTEGER : Number(digits[0]);
    askLoops(client, { kind: 'slow-log', count: Number.MAX_SAFE_INTEGER }, ({ slow }) => {
      const commands = newestOf(slow, Number.MAX_SAFE_INTEGER).toReversed().slice(0, count);
      return written(client, (writer) => {
        writer.array(commands.length);
        for (const command of commands) {
          const lines = slowLines(command, createdText(command));
          writer.array(lines.length);
          for (const line of lines) writer.bulk(Buffer.from(line, 'latin1'));
        }
      });
    });
  }
}

function createdText({ atMs }: SlowCommand): string {
  return new Date(atMs).toISOString().replace('Z', '+00:00');
}
