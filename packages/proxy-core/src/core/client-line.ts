/** One client, as CLIENT LIST shows it. */
export interface ClientFacts {
  readonly id: number;
  /** "host:port" of the client and of the proxy. */
  readonly address: string;
  readonly localAddress: string;
  readonly name: string;
  readonly ageSeconds: number;
  readonly idleSeconds: number;
  /** Subscriptions to channels, patterns and shard channels. */
  readonly channelCount: number;
  readonly patternCount: number;
  readonly shardChannelCount: number;
  readonly isInTransaction: boolean;
  /** Commands queued for EXEC, and the memory they take. */
  readonly queuedCommands: number;
  readonly queuedBytes: number;
  readonly isBlocked: boolean;
  /** How the client tracks keys; null: it does not. */
  readonly tracking: {
    /** The client that is told instead; 0: itself. */
    readonly redirect: number;
    readonly isBroadcast: boolean;
    readonly isRedirectBroken: boolean;
  } | null;
  /** EXEC will fail: a watched key may have been changed. */
  readonly isWatchBroken: boolean;
  readonly isMonitor: boolean;
  readonly isReadonly: boolean;
  readonly isNoEvict: boolean;
  readonly isNoTouch: boolean;
  /** Input not executed yet, and replies not taken by the client yet. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** The command in hand, in Redis' form; null where it is not known: the proxy does not note each command. */
  readonly command: string | null;
  readonly protocol: 2 | 3;
  readonly libraryName: string;
  readonly libraryVersion: string;
}

/** The line of CLIENT LIST and CLIENT INFO for a client, without its end, with Redis' fields in its order. */
export function renderClient(facts: ClientFacts): string {
  const { inputBytes, outputBytes, queuedBytes } = facts;
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', facts.id],
    ['addr', facts.address],
    ['laddr', facts.localAddress],
    ['fd', 0],
    ['name', facts.name],
    ['age', facts.ageSeconds],
    ['idle', facts.idleSeconds],
    ['flags', flagsOf(facts)],
    ['db', 0],
    ['sub', facts.channelCount],
    ['psub', facts.patternCount],
    ['ssub', facts.shardChannelCount],
    ['multi', facts.isInTransaction ? facts.queuedCommands : -1],
    ['qbuf', inputBytes],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', queuedBytes],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', outputBytes > 0 ? 1 : 0],
    ['omem', outputBytes],
    ['tot-mem', inputBytes + outputBytes + queuedBytes],
    ['events', outputBytes > 0 ? 'rw' : 'r'],
    ['cmd', facts.command ?? 'NULL'],
    ['user', 'default'],
    ['redir', facts.tracking?.redirect ?? -1],
    ['resp', facts.protocol],
    ['lib-name', facts.libraryName],
    ['lib-ver', facts.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

/** Whether a client has subscriptions: it is then of the type "pubsub", and not "normal". */
export function isSubscriber(facts: ClientFacts): boolean {
  return facts.channelCount + facts.patternCount + facts.shardChannelCount > 0;
}

function flagsOf(facts: ClientFacts): string {
  const letters: readonly (readonly [boolean, string])[] = [
    [facts.isMonitor, 'O'],
    [isSubscriber(facts), 'P'],
    [facts.isInTransaction, 'x'],
    [facts.isBlocked, 'b'],
    [facts.tracking !== null, 't'],
    [facts.tracking?.isRedirectBroken === true, 'R'],
    [facts.tracking?.isBroadcast === true, 'B'],
    [facts.isWatchBroken, 'd'],
    [facts.isReadonly, 'r'],
    [facts.isNoEvict, 'e'],
    [facts.isNoTouch, 'T'],
  ];
  const flags = letters.map(([isSet, letter]) => (isSet ? letter : '')).join('');
  return flags === '' ? 'N' : flags;
}
