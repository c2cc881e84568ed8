import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startProgram } from '@undermoon/testkit';
import { expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const FULL = '-ERR max number of clients reached\r\n';

/** A client that says something, and keeps its side open whatever happens. */
async function sayPing(port: number): Promise<{ socket: Socket; answer: string }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.setEncoding('latin1');
  socket.write('PING\r\n');
  const received: unknown[] = await once(socket, 'data');
  return { socket, answer: String(received[0]) };
}

async function ask(socket: Socket, command: string): Promise<string> {
  socket.write(`${command}\r\n`);
  const received: unknown[] = await once(socket, 'data');
  return String(received[0]);
}

it.runIf(process.platform === 'linux').each([1, 2])(
  'takes only as many clients as it may open files, and tells the others: %i loops',
  async (threads) => {
    const argv = ['--address', '127.0.0.1:0', '--thread-number', String(threads)];
    await using program = startProgram(CLI, argv, { openFilesMax: 256 });
    const line = await program.firstLine;
    const port = Number(line.slice(line.lastIndexOf(':') + 1));
    const clients = await Promise.all(Array.from({ length: 400 }, () => sayPing(port)));
    const answers = clients.map(({ answer }) => answer);
    expect(answers.filter((answer) => answer === '+PONG\r\n')).toHaveLength(72);
    expect(answers.filter((answer) => answer === FULL)).toHaveLength(400 - 72);
    expect(program.stderr).toContain('"openFilesMax":256,"clientsMax":72');
    const served = clients.filter(({ answer }) => answer !== FULL).map(({ socket }) => socket);
    const [first] = served;
    if (first === undefined) return;
    expect(await ask(first, 'CONFIG SET maxclients 73')).toContain(
      'The operating system is not able to handle the specified number of clients, try with 72',
    );
    for (const { socket } of clients) if (socket !== first) socket.destroy();
    await expect.poll(() => ask(first, 'INFO clients')).toContain('connected_clients:1\r\n');
    const { socket, answer } = await sayPing(port);
    expect(answer).toBe('+PONG\r\n');
    for (const open of [first, socket]) open.destroy();
  },
);
