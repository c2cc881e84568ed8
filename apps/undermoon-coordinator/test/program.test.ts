import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

import { ProgramGroup, takePort } from '@undermoon/testkit';
import { afterEach, describe, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const LOCAL = ['--address', '127.0.0.1:0', '--broker-address', ''];

const programs = new ProgramGroup(CLI);
afterEach(async () => {
  await programs.end();
});

async function connectTo(readyLine: string): Promise<Socket> {
  const socket = connect(Number(readyLine.split(':').at(-1)), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends one command of words without spaces and returns the reply's first bytes. */
async function ask(socket: Socket, command: string): Promise<string> {
  const words = command.split(' ');
  const frames = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  socket.write(`*${words.length}\r\n${frames.join('')}`);
  const received: unknown[] = await once(socket, 'data');
  return String(received[0]);
}

describe('undermoon-coordinator', () => {
  it('serves its commands from its ready line on, and stops with 0 on SIGTERM', async () => {
    const program = programs.start([...LOCAL, '--reporter-id', 'c1']);
    const line = await program.firstLine;
    expect(line).toMatch(/^undermoon-coordinator listening on 127\.0\.0\.1:\d+$/);
    const socket = await connectTo(line);
    expect(await ask(socket, 'CONFIG GET reporter_id')).toBe('$2\r\nc1\r\n');
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, stdout: `${line}\n` });
    socket.destroy();
  });

  it('takes several brokers from a variable, none of which has to be there', async () => {
    const env = { UNDERMOON_BROKER_ADDRESS: '127.0.0.1:23098,127.0.0.1:23099' };
    const program = programs.start(['--address=127.0.0.1:0', '--log-level=error'], env);
    const socket = await connectTo(await program.firstLine);
    expect(await ask(socket, 'CONFIG GET brokers')).toBe(
      '$31\r\n127.0.0.1:23098,127.0.0.1:23099\r\n',
    );
    program.kill('SIGINT');
    expect((await program.ended).code).toBe(0);
    socket.destroy();
  });

  it('ends with 0 when its stdin ends and it was told to follow its parent', async () => {
    const program = programs.start([...LOCAL, '--exit-with-parent', '--json']);
    expect(JSON.parse(await program.firstLine)).toMatchObject({ event: 'ready', pid: program.pid });
    program.endInput();
    expect((await program.ended).code).toBe(0);
  });

  it('names a taken address and exits with 1', async () => {
    await using taken = await takePort();
    const address = `127.0.0.1:${taken.port}`;
    const { code, stdout, stderr } = await programs.start(['--address', address]).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      `undermoon-coordinator: cannot listen on ${address}: address already in use\n`,
    );
  });

  it('refuses wrong settings with 2, those too that only the library checks', async () => {
    const wrong = await programs.start(['--proxy-timeout', '0']).ended;
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toBe(
      'undermoon-coordinator: invalid field proxy_timeout (--proxy-timeout): ' +
        'expected a whole number of seconds from 1 to 3600, got "0"\n',
    );
    const odd = await programs.start(['--reporter-id', 'a/b']).ended;
    expect(odd.code).toBe(2);
    expect(odd.stderr).toMatch(/^undermoon-coordinator: reporterId: .*"a\/b"/);
  });
});
