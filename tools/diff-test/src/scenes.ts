// What takes more than one request: transactions, commands that wait, subscriptions, connections that end.
import type { SeededRandom } from '@undermoon/testkit';
import type { CommandMaker, MadeCommand } from './command-maker.ts';
import {
  areSweptAfter,
  CONNECTIONS,
  type DueReply,
  rawRequest,
  type Request,
  requestOf,
  type Step,
  type Unit,
} from './program.ts';
import type { ReplyRule } from './reply-rules.ts';

/** What a scene is made from. */
export interface SceneContext {
  readonly random: SeededRandom;
  readonly maker: CommandMaker;
  /** Supported commands. */
  readonly names: ReadonlySet<string>;
  /** The connection of the scene. */
  readonly connection: number;
}

/** A kind of scene and the commands it needs. */
interface Scene {
  readonly uses: readonly string[];
  make(context: SceneContext): Unit;
}

/** Scenes in which only supported commands occur. */
export function scenesFor(names: ReadonlySet<string>): readonly Scene[] {
  return SCENES.filter(({ uses }) => uses.every((name) => names.has(name)));
}

/** Commands that occur in scenes. */
export function sceneNames(names: ReadonlySet<string>): string[] {
  return scenesFor(names).flatMap(({ uses }) => uses);
}

const PROTOCOL_FAULTS = [
  '*abc\r\n',
  '*1\r\n+PING\r\n',
  '*1\r\n$-5\r\n',
  '*2\r\n$3\r\nGET\r\n$x\r\n',
  '*1\r\n$99999999999999\r\n',
  '*99999999999\r\n',
  'GET "unbalanced\r\n',
  "SET 'a'b c\r\n",
] as const;

const NO_REQUESTS = ['\r\n', '*0\r\n', '*-1\r\n', '  \r\n', '\n'] as const;

const SCENES: readonly Scene[] = [
  { uses: ['quit'], make: ({ connection }) => closing(connection, words('QUIT'), ['quit']) },
  { uses: [], make: (context) => protocolFault(context) },
  { uses: ['ping'], make: (context) => emptyRequest(context) },
  { uses: ['multi', 'exec'], make: (context) => transaction(context, 'exec') },
  { uses: ['multi', 'exec'], make: (context) => transaction(context, 'exec') },
  { uses: ['multi', 'discard'], make: (context) => transaction(context, 'discard') },
  { uses: ['watch', 'multi', 'exec'], make: (context) => watched(context) },
  { uses: ['multi', 'exec', 'discard', 'unwatch'], make: (context) => strayWords(context) },
  { uses: ['multi', 'exec', 'monitor'], make: (context) => refusedInTransaction(context) },
  {
    uses: ['multi', 'exec', 'unsubscribe', 'punsubscribe', 'sunsubscribe', 'ssubscribe'],
    make: (context) => subscriberWords(context),
  },
  { uses: ['client|reply'], make: (context) => muted(context) },
  {
    uses: ['client|tracking', 'client|caching'],
    make: (context) => tracked(context),
  },
  ...['blpop', 'brpop', 'blmove', 'brpoplpush', 'blmpop', 'bzpopmin', 'bzpopmax', 'bzmpop'].map(
    (name) => ({ uses: [name], make: (context: SceneContext) => waiting(context, name) }),
  ),
  { uses: ['subscribe', 'unsubscribe', 'publish'], make: (context) => subscription(context, '') },
  {
    uses: ['psubscribe', 'punsubscribe', 'publish'],
    make: (context) => subscription(context, 'p'),
  },
  {
    uses: ['ssubscribe', 'sunsubscribe', 'spublish'],
    make: (context) => subscription(context, 's'),
  },
];

function words(...list: readonly (string | Buffer)[]): Request {
  return requestOf(
    list.map((word) => Buffer.from(word)),
    false,
  );
}

function step(
  connection: number,
  requests: readonly Request[],
  replies: readonly DueReply[],
): Step {
  return { connection, requests, replies, isBlocking: false };
}

function due(connection: number, count: number, rule: ReplyRule = 'exact'): DueReply[] {
  return Array.from({ length: count }, () => ({ connection, rule }));
}

function closing(connection: number, request: Request, names: readonly string[]): Unit {
  return { steps: [step(connection, [request], due(connection, 1))], names, closes: connection };
}

function protocolFault({ random, connection }: SceneContext): Unit {
  return closing(connection, rawRequest(random.pick(PROTOCOL_FAULTS)), []);
}

function emptyRequest({ random, connection }: SceneContext): Unit {
  const requests = [rawRequest(random.pick(NO_REQUESTS)), words('PING')];
  return { steps: [step(connection, requests, due(connection, 1))], names: ['ping'], closes: null };
}

/** Requests and their replies in one pipeline, or each by itself. */
function sequence(
  { random, connection }: SceneContext,
  pairs: readonly (readonly [Request, ReplyRule])[],
): Step[] {
  const one = ([request, rule]: readonly [Request, ReplyRule]): Step =>
    step(connection, [request], due(connection, 1, rule));
  if (random.chance(0.4)) return pairs.map(one);
  const replies = pairs.map(([, rule]) => ({ connection, rule }));
  return [
    step(
      connection,
      pairs.map(([request]) => request),
      replies,
    ),
  ];
}

/** Commands that mean in a transaction what they mean alone. */
function innerNames({ maker }: SceneContext): string[] {
  const others = /^(?:hello|reset|auth|multi|exec|discard|watch|quit|client\|unblock)$/;
  // Refused there by the proxy: see the known differences.
  const refused = /^(?:[ps]?(?:un)?subscribe|client\|tracking|monitor)$/;
  return maker.comparableNames.filter((name) => !others.test(name) && !refused.test(name));
}

function transaction(context: SceneContext, end: 'exec' | 'discard'): Unit {
  const { random, maker } = context;
  const inner = innerCommands(context, innerNames(context), maker.pickTogether());
  const pairs: [Request, ReplyRule][] = [[words('MULTI'), 'exact']];
  for (const { request } of inner) pairs.push([request, 'exact']);
  if (random.chance(0.05)) pairs.push([words('MULTI'), 'exact']);
  if (random.chance(0.05)) pairs.push([words('WATCH', 'key'), 'exact']);
  const rule: ReplyRule = end === 'exec' ? { items: inner.map((made) => made.rule) } : 'exact';
  pairs.push([words(end), rule]);
  const names = ['multi', end, ...inner.flatMap(({ name }) => name ?? [])];
  const isSweptAfter = areSweptAfter(names);
  return { steps: sequence(context, pairs), names, closes: null, isSweptAfter };
}

function innerCommands(
  { random, maker }: SceneContext,
  names: string[],
  tags: readonly string[],
): MadeCommand[] {
  const inner = Array.from({ length: random.int(7) }, () => maker.make(names, tags));
  const isSwept = areSweptAfter(inner.flatMap(({ name }) => name ?? []));
  return isSwept ? inner.filter(({ name }) => name !== 'dbsize') : inner;
}

function watched(context: SceneContext): Unit {
  const { random, maker, connection } = context;
  const [tag = '', otherTag = null] = maker.pickTogether();
  const other = (connection + 1) % CONNECTIONS;
  const key = maker.word('s', tag);
  const second = otherTag === null ? key : maker.word('s', otherTag);
  const changed = random.chance(0.7) ? second : maker.word('s', tag);
  const steps = [
    step(connection, [words('WATCH', key, second)], due(connection, 1)),
    ...(random.chance(0.3) ? [step(connection, [words('UNWATCH')], due(connection, 1))] : []),
    ...(random.chance(0.7)
      ? [step(other, [words('SET', changed, maker.word('v', tag))], due(other, 1))]
      : []),
    ...sequence(context, [
      [words('MULTI'), 'exact'],
      [words('APPEND', key, 'x'), 'exact'],
      [words('GET', second), 'exact'],
      [words('EXEC'), 'exact'],
    ]),
  ];
  return {
    steps,
    names: ['watch', 'unwatch', 'multi', 'exec', 'set', 'append', 'get'],
    closes: null,
  };
}

/** Ends of transactions where there is none. */
function strayWords(context: SceneContext): Unit {
  const name = context.random.pick(['EXEC', 'DISCARD', 'UNWATCH']);
  const pairs: [Request, ReplyRule][] = [[words(name), 'exact']];
  return { steps: sequence(context, pairs), names: [name.toLowerCase()], closes: null };
}

/** MONITOR by itself would bring lines whose times differ. */
function refusedInTransaction(context: SceneContext): Unit {
  const pairs = ['MULTI', 'MONITOR', 'EXEC'].map((name): [Request, ReplyRule] => [
    words(name),
    'exact',
  ]);
  return { steps: sequence(context, pairs), names: ['multi', 'monitor', 'exec'], closes: null };
}

/** Ends of subscriptions that there are not, and SSUBSCRIBE, which fails, in a transaction. */
function subscriberWords(context: SceneContext): Unit {
  const { random } = context;
  const name = random.pick(['UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE', 'SSUBSCRIBE']);
  const isNamed = name === 'SSUBSCRIBE' || random.chance(0.5);
  const requests = [words('MULTI'), isNamed ? words(name, 'a') : words(name), words('EXEC')];
  const pairs = requests.map((request): [Request, ReplyRule] => [request, 'exact']);
  return {
    steps: sequence(context, pairs),
    names: ['multi', name.toLowerCase(), 'exec'],
    closes: null,
  };
}

/** Requests without a reply; the last one ends the silence. */
function muted(context: SceneContext): Unit {
  const { random, maker, connection } = context;
  const names = innerNames(context).filter((name) => !MAY_WAIT.test(name));
  const silent = innerCommands(context, names, [maker.pickTag()]);
  const requests = random.chance(0.5)
    ? silent.flatMap(({ request }) => [words('CLIENT', 'REPLY', 'SKIP'), request])
    : [words('CLIENT', 'REPLY', 'OFF'), ...silent.map(({ request }) => request)];
  const isOff = requests.length === silent.length + 1;
  const last = isOff ? words('CLIENT', 'REPLY', 'ON') : words('PING', 'after');
  const used = silent.flatMap(({ name }) => name ?? []);
  return {
    steps: [step(connection, [...requests, last], due(connection, 1))],
    names: ['client|reply', ...used],
    closes: null,
    isSweptAfter: areSweptAfter(used),
  };
}

const MAY_WAIT = /^(?:b[lrz]|wait|xread)/;

const TRACKING_OPTIONS = [
  '',
  'NOLOOP',
  'OPTIN',
  'OPTOUT',
  'BCAST',
  'BCAST PREFIX {',
  'OPTIN NOLOOP',
];

/** A client hears of a key that it has read once another one changes it. Nobody else has such keys. */
function tracked({ random, maker, connection }: SceneContext): Unit {
  const other = (connection + 1) % CONNECTIONS;
  const key = `${maker.pickTag()}tracked${random.int(2)}`;
  const options = random
    .pick(TRACKING_OPTIONS)
    .split(' ')
    .filter((word) => word !== '');
  const isOptIn = options.includes('OPTIN');
  const isRead = options.includes('BCAST') || random.chance(0.8);
  const isCaching = isOptIn && random.chance(0.7);
  const isMeant = !options.includes('PREFIX') || key.startsWith('{');
  const isToldOf = options[0] === 'BCAST' ? isMeant : isRead && (!isOptIn || isCaching);
  const read = isRead ? [words('GET', key)] : [];
  const begin = [
    words('CLIENT', 'TRACKING', 'ON', ...options),
    ...(isCaching ? [words('CLIENT', 'CACHING', 'YES')] : []),
    ...read,
  ];
  const change = words('SET', key, maker.word('v', ''));
  const steps = [
    step(connection, [words('HELLO', '3')], due(connection, 1, 'hello')),
    step(connection, begin, due(connection, begin.length)),
    step(other, [change], [...due(other, 1), ...due(connection, isToldOf ? 1 : 0)]),
    step(
      connection,
      [words('CLIENT', 'TRACKING', 'OFF'), words('CLIENT', 'TRACKINGINFO')],
      due(connection, 2),
    ),
  ];
  const names = ['client|tracking', 'client|trackinginfo', 'client|caching', 'get', 'set'];
  return { steps, names, closes: null };
}

/** One connection waits for what another one brings. */
function waiting({ random, maker, connection }: SceneContext, name: string): Unit {
  const other = (connection + 1) % CONNECTIONS;
  const tag = random.pick(['{a}', '{b}']);
  const isSorted = name.startsWith('bz');
  const [first, second] = [`${tag}wait1`, `${tag}wait2`];
  const wait = waitingWords(name, first, second);
  const target =
    random.chance(0.5) || wait.length < 4 || name.includes('move') || name === 'brpoplpush'
      ? first
      : second;
  const bring = isSorted
    ? ['ZADD', target, '1', 'one', '2', 'two']
    : ['RPUSH', target, 'one', 'two'];
  const steps = [
    step(other, [words('DEL', first, second)], due(other, 1)),
    {
      ...step(connection, [words(...wait), words('ECHO', maker.word('v', tag))], []),
      isBlocking: true,
    },
    step(other, [words(...bring)], [...due(other, 1), ...due(connection, 2)]),
  ];
  return { steps, names: [name, 'del', 'echo', isSorted ? 'zadd' : 'rpush'], closes: null };
}

const WAIT_SECONDS = '4';

function waitingWords(name: string, first: string, second: string): string[] {
  switch (name) {
    case 'blmove':
      return [name, first, second, 'LEFT', 'RIGHT', WAIT_SECONDS];
    case 'brpoplpush':
      return [name, first, second, WAIT_SECONDS];
    case 'blmpop':
      return [name, WAIT_SECONDS, '2', first, second, 'LEFT', 'COUNT', '2'];
    case 'bzmpop':
      return [name, WAIT_SECONDS, '2', first, second, 'MIN', 'COUNT', '2'];
    default:
      return [name, first, second, WAIT_SECONDS];
  }
}

/** A subscriber gets what another connection publishes, and leaves. */
function subscription({ random, maker, connection }: SceneContext, kind: '' | 'p' | 's'): Unit {
  const other = (connection + 1) % CONNECTIONS;
  const channel = `{ch}${random.int(3)}`;
  const name = kind === 'p' ? '{ch}*' : channel;
  const [subscribe, unsubscribe] = [`${kind}subscribe`, `${kind}unsubscribe`];
  const publish = kind === 's' ? 'spublish' : 'publish';
  const message = maker.word('v', '');
  const steps = [
    step(connection, [words(subscribe, name), words('PING')], due(connection, 2)),
    step(other, [words(publish, channel, message)], [...due(other, 1), ...due(connection, 1)]),
    ...(random.chance(0.3) ? [step(connection, [words('GET', 'key')], due(connection, 1))] : []),
    step(connection, [words(unsubscribe, name)], due(connection, 1)),
    step(connection, [words('PING')], due(connection, 1)),
  ];
  return { steps, names: [subscribe, unsubscribe, publish, 'ping'], closes: null };
}
