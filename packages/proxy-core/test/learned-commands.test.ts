// Commands that the proxy does not know: of a real server, under other names, and of a scripted one.
import { encodeCommand, type RespValue } from '@undermoon/resp';
import { keySlotOf } from '@undermoon/slots';
import { RawClient, type RedisServer, startRedis, startScriptedPeer } from '@undermoon/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProxyServer, type ProxyServer, type ProxyServerOptions } from '../src/index.ts';
import { setCluster } from './fixture.ts';

const RENAMED = [
  'set get mget zunion sort blpop dbsize flushall subscribe object xread config eval debug ping',
].flatMap((names) => names.split(' '));
const PEER = '10.0.0.1:6000';
/** Served by the proxy, and by its peer. */
const KEY = 'b';
const FOREIGN = 'a';

let servers: RedisServer[];
let proxy: ProxyServer;
let client: RawClient;

beforeAll(async () => {
  const args = RENAMED.flatMap((name) => ['--rename-command', name, `my.${name}`]);
  servers = await Promise.all([startRenamed(args), startRenamed(args)]);
  proxy = await startProxy();
  await setCluster(
    proxy,
    servers.map(({ address }, i) => [address, i === 0 ? '0-4000' : '4001-8191']),
    { peers: [[PEER, '8192-16383']], roles: false },
  );
  client = await RawClient.connect(proxy.address);
});

afterAll(async () => {
  await client.close();
  proxy.destroy();
  await Promise.all(servers.map((server) => server.stop()));
});

/** PING, which tells that a server is there, keeps its name. */
function startRenamed(args: readonly string[]): Promise<RedisServer> {
  const at = args.indexOf('ping') - 1;
  return startRedis({ args: [...args.slice(0, at), ...args.slice(at + 3)] });
}

async function startProxy(options: ProxyServerOptions = {}): Promise<ProxyServer> {
  const started = createProxyServer({ address: '127.0.0.1:0', ...options });
  await started.listen();
  return started;
}

function shown(reply: RespValue): string {
  if (reply.type === 'map') return `{${reply.entries.flat().map(shown).join(' ')}}`;
  if ('items' in reply) return `[${reply.items.map(shown).join(' ')}]`;
  return 'value' in reply ? String(reply.value) : reply.type;
}

async function ask(line: string, from = client): Promise<string> {
  return shown(await from.command(...line.split(' ')));
}

describe('a server with renamed commands', () => {
  test.each(['2', '3'])('describes its commands in RESP%s', async (protocol) => {
    const fresh = await startProxy();
    await setCluster(fresh, [[servers[0]!.address, '0-16383']], { roles: false });
    await using other = await RawClient.connect(fresh.address);
    await using direct = await RawClient.connect(servers[0]!.address);
    for (const each of [other, direct]) await each.command('HELLO', protocol);
    const names = ['my.zunion', 'my.config', 'my.nosuch', 'my.set'];
    const wanted = await direct.command('COMMAND', 'DOCS', ...names);
    // Asked for the first time, and when they are known.
    for (let i = 0; i < 2; i++) {
      expect(await other.command('COMMAND', 'DOCS', ...names)).toEqual(wanted);
    }
    // Only the server tells which words a command takes; it does so under the command's first name.
    const shownAt = async (line: string) => ask(line, other);
    expect(await shownAt('COMMAND DOCS append')).not.toContain('KEEPTTL');
    expect(await shownAt('COMMAND DOCS append my.set')).toContain('KEEPTTL');
    const [all, echo] = await Promise.all([shownAt('COMMAND DOCS'), shownAt('ECHO after')]);
    expect([all.includes('append'), all.includes('KEEPTTL'), echo]).toEqual([true, true, 'after']);
    expect(await shownAt('MULTI')).toBe('OK');
    expect(await shownAt('COMMAND DOCS my.set')).toBe('QUEUED');
    expect(await shownAt('EXEC')).toContain('KEEPTTL');
    fresh.destroy();
  });

  test.each([
    [`MY.SET ${KEY} 1`, 'OK'],
    [`my.get ${KEY}`, '1'],
    [`my.mget ${KEY} {${KEY}}2`, '[1 null]'],
    [`my.set ${FOREIGN} 1`, `MOVED ${keySlotOf(FOREIGN)} ${PEER}`],
    [`my.mget ${KEY} ${FOREIGN}`, "CROSSSLOT Keys in request don't hash to the same slot"],
    [`my.zunion 2 {${KEY}}z {${KEY}}y`, '[]'],
    [`my.zunion 2 ${FOREIGN} {${FOREIGN}}2`, `MOVED ${keySlotOf(FOREIGN)} ${PEER}`],
    [`my.zunion 9 ${KEY}`, 'ERR Invalid arguments specified for command'],
    [`my.sort ${KEY}l`, '[]'],
    [`my.sort ${FOREIGN}`, `MOVED ${keySlotOf(FOREIGN)} ${PEER}`],
    [`my.sort ${KEY} STORE ${FOREIGN}`, "CROSSSLOT Keys in request don't hash to the same slot"],
    [`my.xread STREAMS {${KEY}}s 0`, 'null'],
    [`my.xread STREAMS ${FOREIGN} 0`, `MOVED ${keySlotOf(FOREIGN)} ${PEER}`],
    [`my.blpop ${KEY}l 0.01`, 'null'],
    [`my.blpop ${FOREIGN} 0`, `MOVED ${keySlotOf(FOREIGN)} ${PEER}`],
    [`my.object ENCODING ${KEY}`, 'int'],
    [`my.object encoding ${FOREIGN}`, `MOVED ${keySlotOf(FOREIGN)} ${PEER}`],
    ['my.set', "ERR wrong number of arguments for 'my.set' command"],
    ['my.dbsize', /^\d+$/],
    ['my.flushall', /^ERR 'my.flushall' is not available .* it names no key/],
    ['my.subscribe x', /^ERR 'my.subscribe' is not available .* state of its connection/],
    ['my.debug jmap', /^ERR 'my.debug' is not available .* it manages one Redis server/],
    ['my.config get save', /^ERR 'my.config get' is not available .* it manages one Redis server/],
    ['my.nosuch x', /^ERR unknown command 'my.nosuch', with args beginning with: 'x'/],
    ['OBJECT nosuch x', /^ERR unknown subcommand 'nosuch'/],
    ['CLUSTER nosuch x', /^ERR unknown subcommand 'nosuch'/],
  ])('%s', async (line, answer) => {
    const reply = await ask(line);
    if (typeof answer === 'string') expect(reply).toBe(answer);
    else expect(reply).toMatch(answer);
  });

  test('in a pipeline, answered in order, whoever has to wait', async () => {
    const fresh = await startProxy();
    await setCluster(fresh, [[servers[0]!.address, '0-16383']], { roles: false });
    await using other = await RawClient.connect(fresh.address);
    await other.send(
      `ECHO 1\r\nmy.set k 2\r\nAPPEND k 3\r\nmy.get k\r\nmy.sort l\r\nnosuch\r\nSTRLEN k\r\n`,
    );
    const replies = (await other.replies(7)).map(shown);
    expect(replies.map((reply) => reply.slice(0, 19))).toEqual([
      '1',
      'OK',
      '2',
      '23',
      '[]',
      'ERR unknown command',
      '2',
    ]);
    fresh.destroy();
  });

  test('in a transaction', async () => {
    expect(await ask('MULTI')).toBe('OK');
    expect(await ask(`my.set ${KEY} 5`)).toBe('QUEUED');
    expect(await ask(`my.get ${KEY}`)).toBe('QUEUED');
    expect(await ask('EXEC')).toBe('[OK 5]');
    expect(await ask('MULTI')).toBe('OK');
    expect(await ask(`my.set ${FOREIGN} 5`)).toMatch(/^MOVED/);
    expect(await ask('EXEC')).toMatch(/^EXECABORT/);
  });

  test('writes wait while clients are paused for writes', async () => {
    await using other = await RawClient.connect(proxy.address);
    await ask(`my.get ${KEY}`, other);
    await client.command('CLIENT', 'PAUSE', '60000', 'WRITE');
    expect(await ask(`my.get ${KEY}`, other)).toBe('5');
    const waiting = ask(`my.set ${KEY} 6`, other);
    expect(await ask(`my.get ${KEY}`)).toBe('5');
    await client.command('CLIENT', 'UNPAUSE');
    expect(await waiting).toBe('OK');
  });

  test('COMMAND shows them as the server does', async () => {
    for (const protocol of ['2', '3']) {
      await using other = await RawClient.connect(proxy.address);
      await using direct = await RawClient.connect(servers[0]!.address);
      await other.command('HELLO', protocol);
      await direct.command('HELLO', protocol);
      const words = ['COMMAND', 'INFO', 'my.set', 'my.zunion', 'my.xread', 'my.nosuch'];
      const ours = shown(await other.command(...words));
      const theirs = shown(await direct.command(...words));
      // The server goes on to call them by their first names, and has notes for people.
      const plain = (text: string): string =>
        text
          .replaceAll('my.', '')
          .replaceAll(/\{notes [^{}]*? flags/g, '{flags')
          .replaceAll(/\[notes [^[\]]*? flags/g, '[flags');
      expect(plain(ours)).toBe(plain(theirs));
    }
    const count = Number(await ask('COMMAND COUNT'));
    const list = await client.command('COMMAND');
    expect(list.type === 'array' && list.items.length).toBe(count);
    expect(await ask('COMMAND LIST')).toMatch(/ my\.set /);
    expect(await ask('COMMAND LIST FILTERBY PATTERN MY.S*')).toMatch(/my\.set/);
    expect(await ask(`COMMAND GETKEYS my.mget a b`)).toBe('[a b]');
    expect(await ask(`COMMAND GETKEYS my.nosuch a b`)).toBe('ERR Invalid command specified');
    expect(await ask('COMMAND LIST FILTERBY ACLCAT sortedset')).toMatch(/ zadd .*my\.zunion/);
    expect(await ask('ACL CAT sortedset')).toMatch(/ zadd .*my\.zunion/);
    expect(await ask('ACL CAT sortedset')).not.toMatch(/my\.set/);
    expect(await ask('COMMAND LIST FILTERBY MODULE nosuch')).toBe('[]');
  });

  test('what was learned is learned anew when the server comes back', async () => {
    const [first] = servers;
    await first!.restart();
    await expect.poll(() => ask('my.dbsize')).toBe('0');
    expect(await ask(`my.set {${KEY}}x 1`)).toMatch(/OK|MOVED/);
  });

  test('learned_commands_max: no more are learned; 0 is none', async () => {
    for (const [learnedCommandsMax, second] of [
      [1, /^ERR unknown command/],
      [0, /^ERR unknown command/],
      [2, /^1|null/],
    ] as const) {
      const limited = await startProxy({ learnedCommandsMax });
      await setCluster(limited, [[servers[0]!.address, '0-16383']], { roles: false });
      await using other = await RawClient.connect(limited.address);
      const set = await ask('my.set k 1', other);
      expect(set).toMatch(learnedCommandsMax === 0 ? /^ERR unknown command/ : /^OK/);
      expect(await ask('my.get k', other)).toMatch(second);
      limited.destroy();
    }
  });
});

describe('a server with a module', () => {
  const set = (...words: string[]): string =>
    `*${words.length}\r\n${words.map((word) => `+${word}\r\n`).join('')}`;
  const entry = (name: string, flags: string[], keys: [number, number, number]): string =>
    `*6\r\n$${name.length}\r\n${name}\r\n:-2\r\n${set(...flags)}${keys.map((key) => `:${key}\r\n`).join('')}`;
  const MODULE: Record<string, string> = {
    'json.set': entry('json.set', ['write', 'denyoom'], [1, 1, 1]),
    'ft._list': entry('ft._list', ['readonly'], [0, 0, 0]),
    'ft.create': entry('ft.create', ['write'], [0, 0, 0]),
    'ts.madd': entry('ts.madd', ['write', 'movablekeys'], [0, 0, 0]),
  };
  const log: string[] = [];

  function answerOf(request: readonly Buffer[]): string {
    const [name = '', kind, ...rest] = request.map((word) => word.toString().toLowerCase());
    if (name !== 'command') {
      if (name !== 'client') log.push(name);
      return '+OK\r\n';
    }
    if (kind === 'getkeys') return encodeCommand([request[3] ?? '', request[6] ?? '']).toString();
    if (kind === 'list') return encodeCommand(['get', 'json.set', 'ft._list']).toString();
    const known = (word: string): string => MODULE[word] ?? '*-1\r\n';
    return `*${rest.length}\r\n${rest.map(known).join('')}`;
  }

  test('is asked once about a name', async () => {
    await using peer = await startScriptedPeer({
      connections: Array.from({ length: 12 }, () => []),
      always: answerOf,
    });
    const started = await startProxy();
    await setCluster(started, [[peer.address, '0-16383']], { roles: false });
    await using other = await RawClient.connect(started.address);
    const infos = (): number =>
      peer.requests.filter(([name, kind]) => name === 'COMMAND' && kind === 'INFO').length;
    expect(await ask('JSON.SET doc $ 1', other)).toBe('OK');
    expect(await ask('json.set doc $ 1', other)).toBe('OK');
    expect(infos()).toBe(1);
    expect(await ask('FT._LIST x', other)).toBe('OK');
    expect(await ask('FT.CREATE x', other)).toMatch(/it names no key/);
    expect(await ask('TS.MADD {a}1 t v {a}2 t v', other)).toBe('OK');
    expect(await ask('TS.MADD a t v b t v', other)).toMatch(/^CROSSSLOT/);
    expect(await ask('BF.LOAD k', other)).toMatch(/^ERR unknown command/);
    expect(await ask('BF.LOAD k', other)).toMatch(/^ERR unknown command/);
    expect(log).toEqual(['json.set', 'json.set', 'ft._list', 'ts.madd']);
    expect(await ask('COMMAND LIST FILTERBY PATTERN *.*', other)).toBe(
      '[json.set ft._list ft.create ts.madd]',
    );
    started.destroy();
  });

  test('no server to ask: the command is unknown', async () => {
    const started = await startProxy({ backendConnectTimeoutMs: 200 });
    await setCluster(started, [['127.0.0.1:1', '0-16383']], { roles: false });
    await using other = await RawClient.connect(started.address);
    expect(await ask('JSON.SET doc $ 1', other)).toMatch(/^ERR unknown command|^CLUSTERDOWN/);
    started.destroy();
  });
});
