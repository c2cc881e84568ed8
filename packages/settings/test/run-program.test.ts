import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

import { ProgramGroup, type RunningProgram, takePort } from '@undermoon/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('echo-program.ts', import.meta.url));

const programs = new ProgramGroup(PROGRAM);
afterEach(async () => {
  await programs.end();
});

function start(...argv: readonly string[]): RunningProgram {
  return programs.start(argv, { UNDERMOON_ODD: '1' });
}

async function connectTo(readyLine: string): Promise<Socket> {
  const socket = connect(Number(readyLine.slice(readyLine.lastIndexOf(':') + 1)), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

describe('a program that runs', () => {
  it('says where it listens, warns, and stops with 0 on SIGTERM', async () => {
    const program = start();
    expect(await program.firstLine).toMatch(/^echo listening on 127\.0\.0\.1:\d+$/);
    program.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    expect(code).toBe(0);
    expect(stderr).toBe('warn unknown variable UNDERMOON_ODD {"code":"UNKNOWN_VARIABLE"}\n');
  });

  it('says so as JSON, and stops with 0 on SIGINT', async () => {
    const program = start('--json');
    const line = await program.firstLine;
    const address = /127\.0\.0\.1:\d+/.exec(line)?.[0];
    expect(JSON.parse(line)).toEqual({ event: 'ready', address, pid: program.pid });
    program.kill('SIGINT');
    expect((await program.ended).code).toBe(0);
  });

  it('stops with 0 when the server asks for it', async () => {
    const program = start();
    const socket = await connectTo(await program.firstLine);
    socket.end('shutdown');
    expect((await program.ended).code).toBe(0);
  });

  it('exits with 1 when the server cannot go on', async () => {
    const program = start();
    const socket = await connectTo(await program.firstLine);
    socket.end('fail');
    const { code, stderr } = await program.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('error the server failed Error: out of order\n');
  });

  it('waits for running work only up to the deadline', async () => {
    const program = start('--shutdown-timeout', '50');
    const socket = await connectTo(await program.firstLine);
    program.kill('SIGTERM');
    await once(socket, 'close');
    expect((await program.ended).code).toBe(0);
  });

  it('is destroyed by a second signal, and exits with 1', async () => {
    const program = start('--shutdown-timeout', '60000');
    const socket = await connectTo(await program.firstLine);
    // The first signal has arrived once new connections are refused.
    program.kill('SIGTERM');
    await refusedSoon(socket.remotePort ?? 0);
    program.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('warn stopped without waiting for running work {"reason":"SIGTERM"}');
  });

  it('is destroyed when closing gets stuck, and exits with 1', async () => {
    const program = start('--stuck', '--shutdown-timeout=0');
    await program.firstLine;
    program.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    expect(code).toBe(1);
    expect(stderr).toContain('the shutdown deadline passed');
  });

  it('stops with 0 while it is still starting', async () => {
    const program = start('--slow');
    expect(await program.firstLine).toBe('starting');
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, stdout: 'starting\n' });
  });

  it('stops with 0 when stdin ends, if asked to follow its parent', async () => {
    const program = start('--exit-with-parent');
    await program.firstLine;
    program.endInput();
    expect((await program.ended).code).toBe(0);
  });

  it('does not care about stdin otherwise', async () => {
    const program = start();
    program.endInput();
    const socket = await connectTo(await program.firstLine);
    socket.write('still here');
    const echoed: unknown[] = await once(socket, 'data');
    expect(String(echoed[0])).toBe('still here');
    socket.destroy();
    program.kill('SIGTERM');
    expect((await program.ended).code).toBe(0);
  });
});

describe('a program that does not run', () => {
  it('names a taken address and exits with 1', async () => {
    await using taken = await takePort();
    const { port } = taken;
    const { code, stdout, stderr } = await start('--address', `127.0.0.1:${port}`).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`echo: cannot listen on 127.0.0.1:${port}: address already in use\n`);
  });

  it('names an address of another machine and exits with 1', async () => {
    const { code, stderr } = await start('--address', '192.0.2.1:23000').ended;
    expect(code).toBe(1);
    expect(stderr).toContain(
      'echo: cannot listen on 192.0.2.1:23000: this machine does not have that address\n',
    );
  });

  it('names wrong settings and exits with 2', async () => {
    const { code, stderr } = await start('--address=x', '--stuck=maybe').ended;
    expect(code).toBe(2);
    expect(stderr).toBe(
      'echo: invalid field address (--address): expected an address host:port, got "x"\n' +
        'echo: invalid field stuck (--stuck): expected true or false, got "maybe"\n',
    );
  });

  it('names a folder given as its file and exits with 2', async () => {
    const { code, stderr } = await start('/').ended;
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'echo: cannot read /: it is a folder\n' });
  });

  it('reports options that the library refuses, and exits with 2', async () => {
    const { code, stderr } = await start('--refuse=option').ended;
    expect(code).toBe(2);
    expect(stderr).toContain('echo: bad option\n');
  });

  it('does not hide a bug as a refusal', async () => {
    const { code, stderr } = await start('--refuse=bug').ended;
    expect(code).toBe(1);
    expect(stderr).toContain('TypeError: a bug');
  });

  it('prints its help, its version and its settings on stdout and exits with 0', async () => {
    const [help, version, config] = await Promise.all([
      start('--help').ended,
      start('--version').ended,
      start('--print-config', '--stuck').ended,
    ]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('--address <host:port>');
    expect(version.code).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
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
