import { renderClient } from '../core/client-line.ts';
import { integerOf } from '../core/command-argument.ts';
import { type ConfigParameter, integerParameter } from '../core/config-table.ts';
import type { DeniedLogin } from '../core/denied-logins.ts';
import { DONE, type LoopAnswer, type LoopQuestion } from '../core/loop-question.ts';
import { errorReply, quotedBytes, REPLY_OK } from '../core/replies.ts';
import { askLoops } from './ask-loops.ts';
import { factsOf } from './client-directory.ts';
import { LOGINS_DENIED } from './loop-counters.ts';
import type { Client, ProxyContext } from './proxy-context.ts';
import { written } from './written.ts';

const DEFAULT_COUNT = 10;
const COMMAND_BYTES_MAX = 16;
const NOT_AN_INTEGER = errorReply('ERR value is not an integer or out of range');

/** ACL LOG [count | RESET], of all loops; the number of words is checked. */
export function aclLog(client: Client, given: Buffer | undefined): void {
  if (given !== undefined && String(given).toLowerCase() === 'reset') {
    askLoops(client, { kind: 'denied-clear' }, () => REPLY_OK);
    return;
  }
  const count = given === undefined ? DEFAULT_COUNT : integerOf(given);
  if (Number.isNaN(count)) client.reply(NOT_AN_INTEGER);
  else {
    askLoops(client, { kind: 'denied' }, ({ denied }) =>
      logReply(client, denied.slice(0, Math.max(0, count))),
    );
  }
}

/** Keeps a login that failed, by `command` as it was typed. */
export function noteDenied(client: Client, command: Buffer | undefined, username: Buffer): void {
  const { context, session } = client;
  const object = quotedBytes(command, COMMAND_BYTES_MAX);
  context.counters[LOGINS_DENIED] = (context.counters[LOGINS_DENIED] ?? 0) + 1;
  const attempt = {
    context: session.transaction === null ? ('toplevel' as const) : ('multi' as const),
    object,
    username,
    client: renderClient(factsOf(client, object.toLowerCase())),
  };
  context.deniedLogins.note(attempt, context.clock.now());
}

function logReply(client: Client, entries: readonly DeniedLogin[]): Buffer {
  const nowMs = client.context.clock.now();
  return written(client, (writer) => {
    writer.array(entries.length);
    for (const entry of entries) {
      writer.map(10).bulk('count').integer(entry.count);
      writer.bulk('reason').bulk('auth').bulk('context').bulk(entry.context);
      writer.bulk('object').bulk(entry.object).bulk('username').bulk(entry.username);
      writer.bulk('age-seconds').double(Math.max(0, Math.floor(nowMs - entry.updatedMs)) / 1000);
      writer.bulk('client-info').bulk(entry.client).bulk('entry-id').integer(entry.id);
      writer.bulk('timestamp-created').integer(Math.floor(entry.createdMs));
      writer.bulk('timestamp-last-updated').integer(Math.floor(entry.updatedMs));
    }
  });
}

/** Answers for one loop what concerns logins that failed. */
export function answerDenied(
  { deniedLogins }: ProxyContext,
  question: Extract<LoopQuestion, { kind: 'denied' | 'denied-clear' | 'denied-change' }>,
): LoopAnswer {
  if (question.kind === 'denied') return { ...DONE, denied: deniedLogins.entries };
  if (question.kind === 'denied-clear') deniedLogins.clear();
  else deniedLogins.entriesMax = question.entriesMax;
  return DONE;
}

/** How many are kept, under Redis' name. `apply` puts a change into effect. */
export function aclLogParameter(
  initial: number,
  apply: (entriesMax: number) => void,
): ConfigParameter {
  let entriesMax = initial;
  return integerParameter({
    name: 'acllog-max-len',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    read: () => entriesMax,
    write: (value) => {
      entriesMax = value;
      apply(value);
    },
  });
}
