// Pings a server without a pause. Each line on stdin prints the longest time without an answer since the line
// before, as JSON; the end of stdin ends it.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const PING = '*1\r\n$4\r\nPING\r\n';

const socket = connect({ port: Number(process.argv[2]), host: '127.0.0.1', noDelay: true });
await once(socket, 'connect');
let last = performance.now();
let longestMs = 0;
let pings = 0;
socket.on('data', () => {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - last);
  last = now;
  pings += 1;
  socket.write(PING);
});
socket.write(PING);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'report') writeSync(1, `${JSON.stringify({ longestMs, pings })}\n`);
  longestMs = 0;
  pings = 0;
}
process.exit(0);
