import { ALL_CLIENTS } from '../core/client-filter.ts';
import { byteErrorReply, errorReply, REPLY_OK } from '../core/replies.ts';
import { cachingRefusal, parseTracking, type TrackingOptions } from '../core/tracking-options.ts';
import { answerLater } from './answer-later.ts';
import type { Client } from './proxy-context.ts';
import type { TrackingOutcome } from './tracked-server.ts';
import { Tracking } from './tracking.ts';
import { written } from './written.ts';

const NO_SUCH_TARGET = errorReply('ERR The client ID you want redirect to does not exist');
const WHILE_WATCHING = errorReply(
  'ERR CLIENT TRACKING is not available between WATCH and EXEC, send it before WATCH',
);
/** Connections to each server: for the commands, and for what another client is told. */
const CONNECTIONS_PER_SERVER = { own: 1, redirected: 2 } as const;

/** CLIENT TRACKING; `args` are those behind it. */
export function tracking(client: Client, args: readonly Buffer[]): void {
  // What was sent before goes over connections that sessions share, and is not tracked.
  client.whenQuiet(() => answerLater(client, (done) => change(client, args, done)));
}

/** CLIENT CACHING YES|NO. */
export function caching(client: Client, [answer = '']: readonly string[]): void {
  const known = client.tracking;
  const refusal = cachingRefusal(known?.options ?? null, answer);
  if (known !== null && refusal === '') known.isCaching = true;
  client.reply(refusal === '' ? REPLY_OK : errorReply(refusal));
}

/** What CLIENT CACHING said is about one command, or one transaction, which was carried out. */
export function endCaching(client: Client): void {
  if (client.session.transaction !== null) return;
  const end = (): void => {
    if (client.tracking !== null) client.tracking.isCaching = false;
  };
  // It may be sent only now, when the replies before it have come.
  if (client.isAccepting) end();
  else client.whenQuiet(end);
}

/** CLIENT GETREDIR. */
export function getRedirection(client: Client): void {
  client.reply(written(client, (writer) => writer.integer(redirectionOf(client))));
}

/** The number that CLIENT GETREDIR tells: -1 without tracking, 0 for a client that is told itself. */
function redirectionOf(client: Client): number {
  return client.tracking === null ? -1 : client.tracking.options.redirect;
}

/** CLIENT TRACKINGINFO. */
export function trackingInfo(client: Client): void {
  const flags = flagsOf(client);
  const reply = written(client, (writer) => {
    writer.map(3).bulk('flags').set(flags.length);
    for (const flag of flags) writer.bulk(flag);
    writer.bulk('redirect').integer(redirectionOf(client)).bulk('prefixes');
    const prefixes = client.tracking?.options.prefixes ?? [];
    writer.array(prefixes.length);
    for (const prefix of prefixes) writer.bulk(Buffer.from(prefix, 'latin1'));
  });
  client.reply(reply);
}

/** CLIENT TRACKING OFF, RESET. Nothing may be owed. */
export function endTracking(client: Client): void {
  client.tracking?.end();
  client.tracking = null;
}

function change(client: Client, args: readonly Buffer[], done: (reply: Buffer) => void): void {
  const { redirect, outcome } = parseTracking(args, client.tracking?.options ?? null);
  const goOn = (): void => {
    if (!outcome.ok) done(byteErrorReply(outcome.message));
    else if (client.isClosed) done(REPLY_OK);
    else if (outcome.value === null) turnOff(client, done);
    else turnOn(client, outcome.value, done);
  };
  if (redirect === null) {
    goOn();
    return;
  }
  const filter = { ...ALL_CLIENTS, ids: [redirect] };
  client.context.loops.ask({ kind: 'list', filter, asker: 0 }, ({ lines }) => {
    if (lines.length === 0) done(NO_SUCH_TARGET);
    else goOn();
  });
}

function turnOff(client: Client, done: (reply: Buffer) => void): void {
  if (client.tracking !== null && client.watching !== null) {
    done(WHILE_WATCHING);
    return;
  }
  endTracking(client);
  done(REPLY_OK);
}

function turnOn(client: Client, options: TrackingOptions, done: (reply: Buffer) => void): void {
  const known = client.tracking;
  if (known === null && client.watching !== null) {
    done(WHILE_WATCHING);
    return;
  }
  const started = known instanceof Tracking ? known : new Tracking(client, options);
  if (known === null) client.context.tracking.add(started);
  client.tracking = started;
  started.start(options, (outcome) => {
    if (outcome === 'on' || outcome === 'lost') {
      done(REPLY_OK);
      return;
    }
    if (known === null) endTracking(client);
    // It would go on to keep values that it is told nothing about.
    else client.whenQuiet(() => client.endAfterReplies());
    done(refusalOf(client, options, outcome));
  });
}

function refusalOf(
  { context }: Client,
  { redirect }: TrackingOptions,
  outcome: Exclude<TrackingOutcome, 'on' | 'lost'>,
): Buffer {
  if (outcome !== 'full') return byteErrorReply(outcome.refusal.slice(1));
  const perServer = CONNECTIONS_PER_SERVER[redirect === 0 ? 'own' : 'redirected'];
  const limit = `dedicated_connections_max is ${context.options.dedicatedConnectionsMax}`;
  const wanted = `tracking needs ${perServer * context.groups.length} of its own`;
  return errorReply(
    `ERR max number of dedicated server connections reached: ${wanted}, and ${limit}`,
  );
}

function flagsOf({ tracking: known }: Client): string[] {
  if (known === null) return ['off'];
  const { isBroadcast, isOptIn, isOptOut, isNoLoop } = known.options;
  const flags: readonly (readonly [boolean, string])[] = [
    [true, 'on'],
    [isBroadcast, 'bcast'],
    [isOptIn, 'optin'],
    [isOptIn && known.isCaching, 'caching-yes'],
    [isOptOut, 'optout'],
    [isOptOut && known.isCaching, 'caching-no'],
    [isNoLoop, 'noloop'],
    [known.isRedirectBroken, 'broken_redirect'],
  ];
  return flags.flatMap(([isSet, flag]) => (isSet ? [flag] : []));
}
