import { RawClient } from '@undermoon/testkit';
import { within } from './until.ts';

const ANSWER_TIMEOUT_MS = 2000;

type Reply = Awaited<ReturnType<RawClient['command']>>;

/** Sends one command over a connection of its own. */
export async function ask(address: string, ...words: readonly string[]): Promise<Reply> {
  await using client = await RawClient.connect(address);
  return await within(
    `${address}: ${words.join(' ')}`,
    client.command(...words),
    ANSWER_TIMEOUT_MS,
  );
}

/** As `ask`, for replies that are one text. An error reply is thrown. */
export async function askText(address: string, ...words: readonly string[]): Promise<string> {
  const reply = await ask(address, ...words);
  if (reply.type === 'error') throw new Error(`${address}: ${words.join(' ')}: ${reply.value}`);
  if (reply.type === 'bulk' || reply.type === 'verbatim') return reply.value.toString();
  if (reply.type === 'simple' || reply.type === 'integer') return String(reply.value);
  throw new Error(`${address}: ${words.join(' ')}: a reply of type ${reply.type}`);
}

/** The `name:value` lines of INFO and CLUSTER INFO. */
export async function askFields(
  address: string,
  ...words: readonly string[]
): Promise<ReadonlyMap<string, string>> {
  const text = await askText(address, ...words);
  return new Map(
    text
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** The epoch of the metadata that a proxy holds. */
export async function proxyEpoch(address: string): Promise<number> {
  return Number(await askText(address, 'UMCTL', 'GETEPOCH'));
}
