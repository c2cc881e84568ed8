import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { parseMigrationTask, type MigrationTask } from '@undermoon/cluster-meta';
import { afterEach, expect, test } from 'vitest';
import { askToCancel } from './ask-to-cancel.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A source of a migration that answers this, and what it was asked. */
async function sourceThatSays(reply: string): Promise<{ task: MigrationTask; got: () => string }> {
  let got = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      got += bytes.toString();
      if (reply === '') socket.end();
      else socket.write(reply);
    });
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert(bound !== null && typeof bound === 'object');
  const words = `demo MIGRATING 1 0-99 7 127.0.0.1:${bound.port} 10.0.0.1:7001 10.0.0.2:6001 10.0.0.2:7001`;
  const task = parseMigrationTask(words);
  assert(task.ok);
  return { task: task.value, got: () => got };
}

test.each([
  ['+CANCELLED\r\n', 'cancelled'],
  ['+COMMITTED\r\n', 'committed'],
  ['-TASK_NOT_FOUND\r\n', 'unknown'],
  // A proxy of undermoon 0.6.
  ['-Invalid sub command\r\n', 'unknown'],
  ['+OK\r\n', 'unknown'],
  ['+CANCELLED maybe\r\n', 'unknown'],
  ['', 'unknown'],
] as const)('%j is %s', async (reply, answer) => {
  const { task, got } = await sourceThatSays(reply);
  expect(await askToCancel(task)).toBe(answer);
  expect(got()).toMatch(/^\*11\r\n\$5\r\nUMCTL\r\n\$9\r\nCANCELMGR\r\n\$4\r\ndemo\r\n/);
});

test('silence is no promise', async () => {
  const { task } = await sourceThatSays('+CANC');
  expect(await askToCancel(task)).toBe('unknown');
});
