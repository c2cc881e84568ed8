// Holds connections open: takes a port and a count, makes one GET on each, prints "open", ends with its stdin.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { connect } from 'node:net';

const AT_ONCE = 100;
const REQUEST = '*2\r\n$3\r\nGET\r\n$16\r\nv64:000000000000\r\n';

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
let opened = 0;
await Promise.all(Array.from({ length: AT_ONCE }, openNext));
writeSync(1, 'open\n');
process.stdin.resume();
await once(process.stdin, 'end');
process.exit(0);

async function openNext(): Promise<void> {
  while (opened < count) {
    opened += 1;
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('close', () => fail('a connection was closed'));
    socket.write(REQUEST);
    const received: unknown[] = await once(socket, 'data');
    const reply = String(received[0]);
    if (!reply.startsWith('$')) fail(`GET was answered by ${reply}`);
    socket.resume();
  }
}

function fail(reason: string): never {
  writeSync(2, `${reason}\n`);
  process.exit(1);
}
