import type { RequestScanner } from '@undermoon/resp';
import { isScriptCall, isScriptText } from '../core/command-lookup.ts';
import { COMMAND_ID } from '../core/command-table.generated.ts';
import type { Transaction } from '../core/transaction.ts';
import type { Client } from './proxy-context.ts';
import { loadInto } from './script-loading.ts';
import { digestOfScript } from './script-lookup.ts';
import { connectionFor } from './server-connection.ts';

/** The fast path: whether a command runs no script, or one that needs nothing done about it at `target`. */
export function isScriptThere(
  client: Client,
  id: number,
  scanner: RequestScanner,
  bytes: Buffer,
  target: number,
): boolean {
  const { scripts, groups } = client.context;
  if (isScriptText(id)) return scripts.wasRun(bytes, scanner.argStart[1]!, scanner.argEnd[1]!);
  return !isScriptCall(id) || groups[target]!.scripts.has(wordOf(scanner, bytes, 1));
}

/**
 * Sees to it that the script of a command is at `target` when the command comes there, or when its transaction
 * does. False: the client waits, it is not known yet whether there is such a script.
 */
export function isScriptReady(
  client: Client,
  id: number,
  scanner: RequestScanner,
  bytes: Buffer,
  target: number,
): boolean {
  if (isScriptText(id)) noteText(client, scanner, bytes, 1);
  if (!isScriptCall(id)) return true;
  const { groups, scriptLookup } = client.context;
  const group = groups[target];
  const digest = wordOf(scanner, bytes, 1);
  if (group === undefined) return true;
  if (scriptLookup.isAwaited(client, [digest], group)) return false;
  if (client.session.transaction !== null) noteDigest(client, digest);
  else loadInto(client, group, connectionFor(client, group), digest);
  return true;
}

/** Whether SCRIPT EXISTS waits until it is known which of its scripts there are. */
export function isWaitingForScripts(
  client: Client,
  id: number,
  scanner: RequestScanner,
  bytes: Buffer,
): boolean {
  if (id !== COMMAND_ID.SCRIPT_EXISTS) return false;
  return client.context.scriptLookup.isAwaited(client, digestsOf(scanner, bytes), null);
}

/** SCRIPT was queued in a transaction. */
export function noteQueued(
  client: Client,
  id: number,
  scanner: RequestScanner,
  bytes: Buffer,
): void {
  if (id === COMMAND_ID.SCRIPT_LOAD) noteText(client, scanner, bytes, 2);
  if (id !== COMMAND_ID.SCRIPT_EXISTS) return;
  for (const digest of digestsOf(scanner, bytes)) noteDigest(client, digest);
}

/** For EXEC: the script is sent ahead of the transaction. */
function noteDigest(client: Client, digest: string): void {
  const { transaction } = client.session;
  if (transaction !== null && client.context.scripts.has(digest)) transaction.scripts.push(digest);
}

/** Keeps a script that a command has in it. */
function noteText(client: Client, scanner: RequestScanner, bytes: Buffer, index: number): void {
  const { scripts } = client.context;
  const start = scanner.argStart[index] ?? 0;
  const end = scanner.argEnd[index] ?? 0;
  if (scripts.wasRun(bytes, start, end)) return;
  const body = Buffer.from(bytes.subarray(start, end));
  const { transaction } = client.session;
  if (transaction === null) scripts.addRun(digestOfScript(body), body);
  else if (!transaction.isAborted) transaction.scriptTexts.push(body);
}

/** Keeps the scripts that a transaction has in it, which is executed now. */
export function noteExecuted({ context }: Client, { scriptTexts }: Transaction): void {
  for (const body of scriptTexts) context.scripts.addRun(digestOfScript(body), body);
}

function digestsOf(scanner: RequestScanner, bytes: Buffer): string[] {
  const digests: string[] = [];
  for (let i = 2; i < scanner.argc; i++) digests.push(wordOf(scanner, bytes, i));
  return digests;
}

function wordOf(scanner: RequestScanner, bytes: Buffer, index: number): string {
  return bytes.toString('latin1', scanner.argStart[index], scanner.argEnd[index]).toLowerCase();
}
