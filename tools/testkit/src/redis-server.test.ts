import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { engineAt, findEngine } from './engine.ts';
import { freePort, freePorts, portOf } from './free-port.ts';
import { startRedis, type RedisServer, type RedisServerOptions } from './redis-server.ts';

const started: RedisServer[] = [];

async function redis(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options);
  started.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

/** Sends inline commands and returns what came back until `lastLine` was in it. */
async function ask(
  target: { port: number } | { path: string },
  text: string,
  lastLine: string,
): Promise<string> {
  const socket = connect(target);
  socket.setEncoding('utf8');
  socket.write(text);
  let answer = '';
  for await (const part of socket) {
    answer += String(part);
    if (answer.includes(lastLine)) break;
  }
  return answer;
}

describe('startRedis', () => {
  it('gives a server that keeps its port and answers, and stops without a trace', async () => {
    const server = await redis();
    expect(server.address).toBe(`127.0.0.1:${server.port}`);
    expect(await ask(server, 'SET a 1\r\nGET a\r\n', '$1\r\n1')).toBe('+OK\r\n$1\r\n1\r\n');
    const { pid, dataDir } = server;
    await server.stop();
    await server.stop();
    expect(server.isRunning).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('listens on a unix socket when asked to', async () => {
    const server = await redis({ unixSocket: true });
    expect(await ask({ path: String(server.unixSocketPath) }, 'PING\r\n', 'PONG')).toBe(
      '+PONG\r\n',
    );
  });

  it('requires the password it was given', async () => {
    const server = await redis({ requirepass: 'sesame' });
    expect(await ask(server, 'PING\r\n', '\n')).toMatch(/^-NOAUTH/);
    expect(await ask(server, 'AUTH sesame\r\nPING\r\n', 'PONG')).toBe('+OK\r\n+PONG\r\n');
  });

  it('replicates a master', async () => {
    const master = await redis({ requirepass: 'sesame' });
    const replica = await redis({ replicaOf: { port: master.port }, masterauth: 'sesame' });
    const info = await ask(replica, 'INFO replication\r\n', 'role:');
    expect(info).toContain(`role:slave`);
    expect(info).toContain(`master_port:${master.port}`);
  });

  it('can be killed and started again on the same port', async () => {
    const server = await redis();
    const { pid } = server;
    await server.kill('SIGKILL');
    expect(server.isRunning).toBe(false);
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(await ask(server, 'PING\r\n', 'PONG')).toBe('+PONG\r\n');
  });

  it('can be frozen and thawed', async () => {
    const server = await redis();
    await server.kill('SIGSTOP');
    const answer = ask(server, 'PING\r\n', 'PONG');
    await server.kill('SIGCONT');
    expect(await answer).toBe('+PONG\r\n');
  });

  it('says why a server did not start', async () => {
    await expect(redis({ args: ['--no-such-setting', '1'] })).rejects.toThrow(
      /did not start[^]*no-such-setting/,
    );
    await expect(redis({ engine: '/no/such/engine' })).rejects.toThrow(/ENOENT/);
  });

  it('says that a named port is taken', async () => {
    const holder = createServer();
    holder.listen(0, '127.0.0.1');
    await once(holder, 'listening');
    await expect(redis({ port: portOf(holder) })).rejects.toThrow(/did not start[^]*in use/);
    holder.close();
  });

  it.each(['SIGTERM', 'process.exit'])('ends with the process that started it: %s', async (how) => {
    const source = `import { startRedis } from ${JSON.stringify(path.join(import.meta.dirname, 'redis-server.ts'))};
      const server = await startRedis();
      console.log(JSON.stringify({ port: server.port, dataDir: server.dataDir }));
      ${how === 'SIGTERM' ? 'setInterval(() => undefined, 1000);' : 'process.exit(3);'}`;
    const script = path.join(mkdtempSync(path.join(tmpdir(), 'undermoon-testkit-')), 'owner.mts');
    writeFileSync(script, source);
    const owner = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(owner, 'exit');
    const [line] = (await once(owner.stdout.setEncoding('utf8'), 'data')) as [string];
    const { port, dataDir } = JSON.parse(line) as { port: number; dataDir: string };
    if (how === 'SIGTERM') owner.kill('SIGTERM');
    expect(await exited).toEqual(how === 'SIGTERM' ? [null, 'SIGTERM'] : [3, null]);
    await expect.poll(() => isListening(port)).toBe(false);
    expect(existsSync(dataDir)).toBe(false);
    rmSync(path.dirname(script), { recursive: true });
  });
});

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe('findEngine', () => {
  it('prefers UNDERMOON_ENGINE', () => {
    expect(findEngine({ UNDERMOON_ENGINE: '/opt/valkey-server', PATH: '' })).toEqual({
      path: '/opt/valkey-server',
      argv0: '/opt/valkey-server',
    });
  });

  it('takes a server before a checker, wherever they are in PATH', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'undermoon-engine-'));
    const [first, second] = [
      path.join(directory, 'redis-check-rdb'),
      path.join(directory, 'valkey-server'),
    ];
    symlinkSync(process.execPath, first);
    expect(findEngine({ PATH: directory })).toEqual({ path: first, argv0: 'redis-server' });
    symlinkSync(process.execPath, second);
    expect(findEngine({ PATH: directory })).toEqual({ path: second, argv0: second });
    rmSync(directory, { recursive: true });
  });

  it('says what to do when there is none', () => {
    expect(() => findEngine({ PATH: '' })).toThrow(/UNDERMOON_ENGINE.*redis-server/);
  });

  it('starts a checker under the name that makes it a server', () => {
    expect(engineAt('/usr/bin/valkey-check-rdb').argv0).toBe('redis-server');
  });
});

describe('freePorts', () => {
  it('gives different ports that can be listened on', async () => {
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
    const server = createServer().listen(ports[0], '127.0.0.1');
    await once(server, 'listening');
    server.close();
    expect(await freePort()).toBeGreaterThan(0);
  });

  it('gives none twice, and none that a kernel gives to whoever asks for any', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, () => freePorts(20)));
    expect(new Set(ports.flat()).size).toBe(400);
    for (const port of ports.flat()) expect(port).toBeLessThan(32_768 - 10_000);
  });
});
