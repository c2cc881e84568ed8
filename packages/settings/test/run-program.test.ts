import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('echo-program.ts', import.meta.url));

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** The first line on stdout. */
  readonly ready: Promise<string>;
}

function start(...argv: string[]): Running {
  const flags = ['--conditions=@undermoon/source', '--import', 'tsx'];
  const env = { PATH: process.env['PATH'], UNDERMOON_ODD: '1' };
  const child = spawn(process.execPath, [...flags, PROGRAM, ...argv], { env, stdio: 'pipe' });
  children.add(child);
  let stdout = '';
  let stderr = '';
  const ready = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString();
      if (stdout.includes('\n')) resolve(stdout.slice(0, stdout.indexOf('\n')));
    });
    child.stdout.on('end', () => reject(new Error(`no ready line: ${stderr}`)));
  });
  ready.catch(() => undefined);
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const exited = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return { child, exited, ready };
}

async function connectTo(readyLine: string): Promise<Socket> {
  const socket = connect(Number(readyLine.slice(readyLine.lastIndexOf(':') + 1)), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

describe('a program that runs', () => {
  it('says where it listens, warns, and stops with 0 on SIGTERM', async () => {
    const { child, exited, ready } = start();
    expect(await ready).toMatch(/^echo listening on 127\.0\.0\.1:\d+$/);
    child.kill('SIGTERM');
    const { code, stderr } = await exited;
    expect(code).toBe(0);
    expect(stderr).toBe('warn unknown variable UNDERMOON_ODD {"code":"UNKNOWN_VARIABLE"}\n');
  });

  it('says so as JSON, and stops with 0 on SIGINT', async () => {
    const { child, exited, ready } = start('--json');
    expect(JSON.parse(await ready)).toEqual({
      event: 'ready',
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      pid: child.pid,
    });
    child.kill('SIGINT');
    expect((await exited).code).toBe(0);
  });

  it('stops with 0 when the server asks for it', async () => {
    const { exited, ready } = start();
    const socket = await connectTo(await ready);
    socket.end('shutdown');
    expect((await exited).code).toBe(0);
  });

  it('waits for running work only up to the deadline', async () => {
    const { child, exited, ready } = start('--shutdown-timeout', '50');
    const socket = await connectTo(await ready);
    child.kill('SIGTERM');
    await once(socket, 'close');
    expect((await exited).code).toBe(0);
  });

  it('is destroyed by a second signal, and exits with 1', async () => {
    const { child, exited, ready } = start('--shutdown-timeout', '60000');
    const socket = await connectTo(await ready);
    // The first signal has arrived once new connections are refused.
    child.kill('SIGTERM');
    await refusedSoon(socket.remotePort ?? 0);
    child.kill('SIGTERM');
    const { code, stderr } = await exited;
    expect(code).toBe(1);
    expect(stderr).toContain('warn stopped without waiting for running work {"reason":"SIGTERM"}');
  });

  it('is destroyed when closing gets stuck, and exits with 1', async () => {
    const { child, exited, ready } = start('--stuck', '--shutdown-timeout=0');
    await ready;
    child.kill('SIGTERM');
    const { code, stderr } = await exited;
    expect(code).toBe(1);
    expect(stderr).toContain('the shutdown deadline passed');
  });

  it('stops with 0 when stdin ends, if asked to follow its parent', async () => {
    const { child, exited, ready } = start('--exit-with-parent');
    await ready;
    child.stdin?.end();
    expect((await exited).code).toBe(0);
  });

  it('does not care about stdin otherwise', async () => {
    const { child, exited, ready } = start();
    child.stdin?.end();
    const socket = await connectTo(await ready);
    socket.write('still here');
    const echoed: unknown[] = await once(socket, 'data');
    expect(String(echoed[0])).toBe('still here');
    socket.destroy();
    child.kill('SIGTERM');
    expect((await exited).code).toBe(0);
  });
});

describe('a program that does not run', () => {
  it('names a taken address and exits with 1', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const bound = holder.address();
    const port = typeof bound === 'object' ? bound?.port : null;
    const { code, stdout, stderr } = await start('--address', `127.0.0.1:${port}`).exited;
    holder.close();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`echo: cannot listen on 127.0.0.1:${port}: address already in use\n`);
  });

  it('names an address of another machine and exits with 1', async () => {
    const { code, stderr } = await start('--address', '192.0.2.1:23000').exited;
    expect(code).toBe(1);
    expect(stderr).toContain(
      'echo: cannot listen on 192.0.2.1:23000: this machine does not have that address\n',
    );
  });

  it('names wrong settings and exits with 2', async () => {
    const { code, stderr } = await start('--address=x', '--stuck=maybe').exited;
    expect(code).toBe(2);
    expect(stderr).toBe(
      'echo: invalid field address (--address): expected an address host:port, got "x"\n' +
        'echo: invalid field stuck (--stuck): expected true or false, got "maybe"\n',
    );
  });

  it('names a folder given as its file and exits with 2', async () => {
    const { code, stderr } = await start('/').exited;
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'echo: cannot read /: it is a folder\n' });
  });

  it('reports options that the library refuses, and exits with 2', async () => {
    const { code, stderr } = await start('--refuse=option').exited;
    expect(code).toBe(2);
    expect(stderr).toContain('echo: bad option\n');
  });

  it('does not hide a bug as a refusal', async () => {
    const { code, stderr } = await start('--refuse=bug').exited;
    expect(code).toBe(1);
    expect(stderr).toContain('TypeError: a bug');
  });

  it('prints its help, its version and its settings on stdout and exits with 0', async () => {
    const [help, version, config] = await Promise.all([
      start('--help').exited,
      start('--version').exited,
      start('--print-config', '--stuck').exited,
    ]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--address <host:port>');
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(config).toMatchObject({ code: 0, stderr: 'echo: unknown variable UNDERMOON_ODD\n' });
    expect(config.stdout).toContain('stuck = true # --stuck\n');
  });
});

/** Resolves when nothing listens on the port any more. */
async function refusedSoon(port: number): Promise<void> {
  for (;;) {
    const probe = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      probe.on('connect', () => resolve(true));
      probe.on('error', () => resolve(false));
    });
    probe.destroy();
    if (!isOpen) return;
  }
}
