import { parseSetRepl, type ReplEntry } from '@undermoon/cluster-meta';
import { systemClock } from '@undermoon/runtime/node';
import { startRedis, type RedisServer, type RedisServerOptions } from '@undermoon/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { WatchedLogger } from '../../test/control/control-fixture.ts';
import { RedisProbe } from '../../test/control/redis-probe.ts';
import { ReplicationRunner, type ReplicationRunnerOptions } from './replication-runner.ts';

const CLEANUPS: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of CLEANUPS.splice(0).toReversed()) await cleanup();
});

async function redis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  CLEANUPS.push(() => server.stop());
  return server;
}

async function probeOf(server: RedisServer): Promise<RedisProbe> {
  const probe = await RedisProbe.open(server.port);
  CLEANUPS.push(() => probe.close());
  return probe;
}

function runnerWith(options: Partial<ReplicationRunnerOptions> = {}): {
  runner: ReplicationRunner;
  logger: WatchedLogger;
} {
  const logger = new WatchedLogger();
  const runner = new ReplicationRunner({
    clock: systemClock,
    logger,
    checkIntervalMs: 50,
    connectTimeoutMs: 1000,
    commandTimeoutMs: 1000,
    retryMinMs: 10,
    credentials: null,
    ...options,
  });
  CLEANUPS.push(() => runner.stop());
  return { runner, logger };
}

function master(server: RedisServer, copy?: RedisServer): ReplEntry {
  const peers = copy === undefined ? '0' : `1 ${copy.address} 127.0.0.1:1`;
  return entry(`master db ${server.address} ${peers}`);
}

function replica(server: RedisServer, of: RedisServer): ReplEntry {
  return entry(`replica db ${server.address} 1 ${of.address} 127.0.0.1:1`);
}

function entry(words: string): ReplEntry {
  const parsed = parseSetRepl(['1', 'NOFLAG', ...words.split(' ')]);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.value.entries[0]!;
}

const healths = (runner: ReplicationRunner): string =>
  runner
    .statuses()
    .map(({ health }) => health)
    .join(' ');

describe('roles of real servers', () => {
  test('a replica follows, syncs, is promoted at once, and the old master follows it', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const [toA, toB] = [await probeOf(a), await probeOf(b)];
    // With this interval nothing but SETREPL itself can bring the promotion about in time.
    const { runner, logger } = runnerWith({ checkIntervalMs: 600_000, retryMinMs: 20 });
    await toA.ask(['SET', 'k', '1']);
    runner.start();
    runner.apply([master(a), replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok ok');
    expect(await toA.ask(['WAIT', '1', '5000'])).toBe(':1\r\n');
    expect(await toB.ask(['GET', 'k'])).toBe('$1\r\n1\r\n');

    const changes = logger.lines.length;
    const started = performance.now();
    runner.apply([replica(a, b), master(b)]);
    await logger.until(() =>
      logger.lines
        .slice(changes)
        .some(
          ({ message, fields }) => message.startsWith('changed') && fields['node'] === b.address,
        ),
    );
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await toB.ask(['SET', 'k', '2'])).toBe('+OK\r\n');
    await logger.until(() => healths(runner) === 'ok ok');
    expect(await toB.ask(['WAIT', '1', '5000'])).toBe(':1\r\n');
    expect(await toA.ask(['GET', 'k'])).toBe('$1\r\n2\r\n');
    expect(await toA.ask(['SET', 'k', '3'])).toMatch(/^-READONLY/);
    expect(runner.statuses()[0]?.observed).toMatchObject({ kind: 'master' });
  });

  test('a replica that restarts as a master is made a replica again', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const { runner, logger } = runnerWith();
    runner.apply([master(a), replica(b, a)]);
    runner.start();
    await logger.until(() => healths(runner) === 'ok ok');
    await b.kill('SIGKILL');
    await logger.until(() => healths(runner) === 'ok unreachable');
    await b.restart();
    await logger.until(() => healths(runner) === 'ok ok');
    expect(await (await probeOf(b)).ask(['ROLE'])).toContain('slave');
  });

  test('roles changed behind its back are repaired', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const { runner, logger } = runnerWith();
    runner.apply([master(a), replica(b, a)]);
    runner.start();
    await logger.until(() => healths(runner) === 'ok ok');
    const changesSoFar = (): number =>
      logger.lines.filter(({ message }) => message.startsWith('changed')).length;
    const before = changesSoFar();
    await (await probeOf(b)).ask(['REPLICAOF', 'NO', 'ONE']);
    await logger.until(() => changesSoFar() > before && healths(runner) === 'ok ok');
    await (await probeOf(a)).ask(['REPLICAOF', '127.0.0.1', String(b.port)]);
    await logger.until(() => changesSoFar() > before + 1 && healths(runner) === 'ok ok');
    expect(await (await probeOf(a)).ask(['ROLE'])).toContain('master');
  });

  test('tells since when a master is missed, and that its replica had all until shortly before', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const { runner, logger } = runnerWith();
    const copiedMs = (): readonly number[] => runner.statuses().map((status) => status.copiedMs);
    runner.apply([master(a, b), replica(b, a)]);
    runner.start();
    await logger.until(() => healths(runner) === 'ok ok');
    const toA = await probeOf(a);
    expect(await toA.ask(['SET', 'k', '1'])).toBe('+OK\r\n');
    // WAIT makes the replica acknowledge at once. Looks at servers that are in order log nothing.
    do expect(await toA.ask(['WAIT', '1', '5000'])).toBe(':1\r\n');
    while (copiedMs().some((ms) => ms < 0));
    expect(runner.statuses().map(({ missedMs }) => missedMs)).toEqual([0, 0]);
    const killedAt = performance.now();
    await a.kill('SIGKILL');
    await logger.until(() => healths(runner) === 'unreachable link-down');
    const [gone] = runner.statuses();
    expect(gone?.missedMs).toBeGreaterThan(0);
    expect(gone?.missedMs).toBeLessThanOrEqual(performance.now() - killedAt + 1);
    expect(gone?.copiedMs).toBeGreaterThanOrEqual((gone?.missedMs ?? 0) - 1);
    expect(copiedMs()[1]).toBeGreaterThanOrEqual(0);
    await a.restart();
    await logger.until(() => healths(runner).startsWith('ok'));
    expect(runner.statuses()[0]?.missedMs).toBe(0);
  });

  test('follows another master', async () => {
    const [a, b, c] = await Promise.all([redis(), redis(), redis()]);
    await (await probeOf(c)).ask(['SET', 'from', 'c']);
    const { runner, logger } = runnerWith();
    runner.start();
    runner.apply([replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok');
    runner.apply([replica(b, c)]);
    await logger.until(() => healths(runner) === 'ok');
    expect(await (await probeOf(b)).ask(['GET', 'from'])).toBe('$1\r\nc\r\n');
  });

  test('a dead master shows as a link that is down', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const { runner, logger } = runnerWith();
    runner.start();
    runner.apply([replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok');
    await a.kill('SIGKILL');
    await logger.until(() => healths(runner) === 'link-down');
    await a.restart();
    await logger.until(() => healths(runner) === 'ok');
    expect(healths(runner)).toBe('ok');
  });

  test('a server that hangs is unreachable until it goes on, and then gets its newest role', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const { runner, logger } = runnerWith({ commandTimeoutMs: 100, connectTimeoutMs: 100 });
    runner.start();
    runner.apply([replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok');
    await b.kill('SIGSTOP');
    await logger.until(() => healths(runner) === 'unreachable');
    runner.apply([master(b)]);
    await b.kill('SIGCONT');
    await logger.until(() => healths(runner) === 'ok');
    expect(await (await probeOf(b)).ask(['ROLE'])).toContain('master');
  });

  test('logs in where a password is set, and says when it is wrong', async () => {
    const options = { requirepass: 'secret', masterauth: 'secret' };
    const [a, b] = await Promise.all([redis(options), redis(options)]);
    const { runner, logger } = runnerWith({ credentials: { username: null, password: 'secret' } });
    runner.start();
    runner.apply([master(a), replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok ok');

    const wrong = runnerWith({ credentials: { username: 'default', password: 'wrong-one' } });
    wrong.runner.start();
    wrong.runner.apply([master(a)]);
    await wrong.logger.until(
      () => healths(wrong.runner) === 'unknown' && wrong.logger.lines.length > 1,
    );
    expect(wrong.runner.statuses()[0]?.missedMs).toBe(0);
    expect(JSON.stringify(wrong.runner.statuses())).toContain('"reason":"WRONGPASS');
    const none = runnerWith();
    none.runner.start();
    none.runner.apply([master(a)]);
    await none.logger.until(
      () => healths(none.runner) === 'unknown' && none.logger.lines.length > 1,
    );
    const lines = JSON.stringify([...logger.lines, ...wrong.logger.lines, ...none.logger.lines]);
    expect(lines).toContain('NOAUTH');
    expect(lines).not.toContain('secret');
    expect(lines).not.toContain('wrong-one');
  });

  test('uses SLAVEOF where REPLICAOF is not known', async () => {
    const a = await redis();
    const b = await redis({ args: ['--rename-command', 'REPLICAOF', ''] });
    const { runner, logger } = runnerWith();
    runner.start();
    runner.apply([replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok');
    runner.apply([master(b)]);
    await logger.until(() => healths(runner) === 'ok');
    expect(await (await probeOf(b)).ask(['ROLE'])).toContain('master');
  });

  test('waits for a server that is not there yet', async () => {
    const b = await redis();
    await b.kill('SIGKILL');
    const { runner, logger } = runnerWith();
    runner.start();
    runner.apply([master(b)]);
    await logger.until(() => healths(runner) === 'unreachable');
    await b.restart();
    await logger.until(() => healths(runner) === 'ok');
    expect(healths(runner)).toBe('ok');
  });
});

describe('lifecycle', () => {
  test('sends nothing before start and leaves no connection after stop', async () => {
    const b = await redis();
    const toB = await probeOf(b);
    const { runner, logger } = runnerWith();
    runner.apply([master(b)]);
    expect(await toB.ask(['INFO', 'clients'])).toContain('connected_clients:1\r\n');
    runner.start();
    await logger.until(() => healths(runner) === 'ok');
    expect(await toB.ask(['INFO', 'clients'])).toContain('connected_clients:2\r\n');
    runner.stop();
    runner.stop();
    let clients = await toB.ask(['INFO', 'clients']);
    while (!clients.includes('connected_clients:1\r\n'))
      clients = await toB.ask(['INFO', 'clients']);
    const lineCount = logger.lines.length;
    await b.kill('SIGKILL');
    expect(logger.lines).toHaveLength(lineCount);
  });

  test('a server no longer named is let go and keeps its role', async () => {
    const [a, b] = await Promise.all([redis(), redis()]);
    const { runner, logger } = runnerWith();
    runner.start();
    runner.apply([master(a), replica(b, a)]);
    await logger.until(() => healths(runner) === 'ok ok');
    runner.apply([master(a)]);
    const toB = await probeOf(b);
    let clients = await toB.ask(['CLIENT', 'LIST', 'TYPE', 'normal']);
    while (clients.match(/\bid=/g)?.length !== 1) {
      clients = await toB.ask(['CLIENT', 'LIST', 'TYPE', 'normal']);
    }
    expect(await toB.ask(['ROLE'])).toContain('slave');
    expect(runner.statuses()).toHaveLength(1);
  });
});
