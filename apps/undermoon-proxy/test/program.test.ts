import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { ProgramGroup, takePort } from '@undermoon/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

const programs = new ProgramGroup(CLI);
afterEach(async () => {
  await programs.end();
});

/** Sends one inline command and returns the reply's first bytes. */
async function ask(readyLine: string, command: string): Promise<string> {
  const socket = connect(Number(readyLine.slice(readyLine.lastIndexOf(':') + 1)), '127.0.0.1');
  try {
    socket.write(`${command}\r\n`);
    const received: unknown[] = await once(socket, 'data');
    return String(received[0]);
  } finally {
    socket.destroy();
  }
}

describe('undermoon-proxy', () => {
  it('serves from its ready line on, and stops with 0 on SIGTERM', async () => {
    const program = programs.start(['--address', '127.0.0.1:0', '--log-level', 'info']);
    const line = await program.firstLine;
    expect(line).toMatch(/^undermoon-proxy listening on 127\.0\.0\.1:\d+$/);
    expect(await ask(line, 'PING')).toBe('+PONG\r\n');
    program.kill('SIGTERM');
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${line}\n` });
    const levels = stderr
      .trim()
      .split('\n')
      .map((text) => /"level":"(\w+)"/.exec(text)?.[1]);
    expect(new Set(levels)).toEqual(new Set(['info']));
  });

  it('carries clients on as many loops as asked for', async () => {
    const program = programs.start(['--address', '127.0.0.1:0', '--thread-number', '3']);
    const line = await program.firstLine;
    for (let i = 0; i < 4; i++) expect(await ask(line, 'PING')).toBe('+PONG\r\n');
    program.kill('SIGTERM');
    const { code, stderr } = await program.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"loops":3');
  });

  it('takes a file, variables and flags, and announces the address of the file', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'undermoon-proxy-'));
    try {
      const file = path.join(directory, 'proxy.toml');
      await writeFile(file, 'address = "127.0.0.1:23009"\npassword = "from file"\n');
      const env = { UNDERMOON_PASSWORD: 'from-env', UNDERMOON_AUTO_SELECT_CLUSTER: 'true' };
      const program = programs.start([file, '--address=127.0.0.1:0', '--json'], env);
      const ready: unknown = JSON.parse(await program.firstLine);
      expect(ready).toMatchObject({ event: 'ready', pid: program.pid });
      const address = /127\.0\.0\.1:\d+/.exec(await program.firstLine)?.[0] ?? '';
      expect(await ask(address, 'SET a 1')).toMatch(/^-NOAUTH /);
      expect(await ask(address, 'AUTH from-env')).toBe('+OK\r\n');
      expect(program.stderr).not.toContain('"level":"warn"');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('ends with 0 when a peer sends UMCTL SHUTDOWN', async () => {
    const program = programs.start(['--address', '127.0.0.1:0']);
    const socket = connect(Number((await program.firstLine).split(':').at(-1)), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('UMCTL SHUTDOWN\r\n');
    expect((await program.ended).code).toBe(0);
    socket.destroy();
  });

  it('ends with 0 when its stdin ends and it was told to follow its parent', async () => {
    const program = programs.start(['--address', '127.0.0.1:0', '--exit-with-parent']);
    await program.firstLine;
    program.endInput();
    expect((await program.ended).code).toBe(0);
  });

  it('names a taken address and exits with 1', async () => {
    await using taken = await takePort();
    const address = `127.0.0.1:${taken.port}`;
    const { code, stdout, stderr } = await programs.start(['--address', address]).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      `undermoon-proxy: cannot listen on ${address}: address already in use\n`,
    );
  });

  it('refuses wrong settings and unknown flags with 2', async () => {
    const wrong = await programs.start([], { UNDERMOON_SLOWLOG_LEN: '0' }).ended;
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toBe(
      'undermoon-proxy: invalid field slowlog_len (UNDERMOON_SLOWLOG_LEN): ' +
        'expected a whole number of entries from 1 to 1000000, got "0"\n',
    );
    const unknown = await programs.start(['--adress', 'a:1']).ended;
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toBe(
      'undermoon-proxy: unknown flag --adress, did you mean --address?\n',
    );
  });

  it('never shows the password', async () => {
    const { stdout, stderr } = await programs.start(['--print-config'], {
      UNDERMOON_PASSWORD: 'hush',
    }).ended;
    expect(stdout).toContain('password = "********" # UNDERMOON_PASSWORD\n');
    expect(stdout + stderr).not.toContain('hush');
  });
});
