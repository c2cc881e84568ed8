import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, startProgram } from '@undermoon/testkit';
import { afterAll, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'undermoon-usage-'));
afterAll(() => rmSync(directory, { recursive: true }));

const run = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  startProgram(CLI, argv, { cwd: directory, env }).ended;

it('shows its help, that of a group and of a command, and its version', async () => {
  const help = await run(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const name of ['up', 'status', 'cluster list', 'cluster create <name>']) {
    expect(help.stdout).toContain(`\n  ${name} `);
  }
  const up = await run(['up', '-h']);
  expect(up.stdout).toContain('--broker-port <port>  Port of the broker;');
  expect(up.stdout).toContain('undermoon up --nodes 8 --spare 0\n');
  const group = await run(['cluster', '--help']);
  expect(group).toMatchObject({ code: 0, stderr: '' });
  expect(group.stdout).toContain('\n  $ undermoon cluster <command> [options]\n');
  expect(group.stdout).toContain('\n  cluster create <name> ');
  expect(group.stdout).toContain('\n  --json ');
  expect(group.stdout).toContain('\n  $ undermoon cluster list\n');
  expect(group.stdout).not.toMatch(/undermoon (?:up|status)$|--version|--yes/m);
  expect((await run(['help', 'cluster'])).stdout).toBe(group.stdout);
  const scale = await run(['help', 'cluster', 'scale']);
  expect(scale.stdout).toMatch(
    /\n\nGive a cluster more .*\nThe moves begin when .*\n.*\n\nUsage:\n/,
  );
  expect((await run(['--version'])).stdout).toMatch(/^undermoon\/\d+\.\d+\.\d+\n$/);
});

it.each([
  [['pu'], {}, 'undermoon: unknown command pu, did you mean up?\n'],
  [
    ['up', '--nodes', '3'],
    {},
    'undermoon: --nodes: expected a whole number from 4 to 400, a multiple of 4, got "3"\n',
  ],
  [['up', '--nodes', '6'], {}, 'undermoon: --nodes: expected a multiple of 4 '],
  [
    ['status', '--broker', 'ftp://x'],
    {},
    'undermoon: --broker: expected http://host:port, got "ftp://x"\n',
  ],
  [
    ['status'],
    { UNDERMOON_BROKER: 'nowhere' },
    'undermoon: UNDERMOON_BROKER: expected http://host:port, got "nowhere"\n',
  ],
] as const)('refuses %j with 2', async (argv, env, text) => {
  const end = await run(argv, env);
  expect(end).toMatchObject({ code: 2, stdout: '' });
  expect(end.stderr.startsWith(text)).toBe(true);
});

it('names the broker that cannot be reached, and where its name came from', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const end = await run(['cluster', 'list'], { UNDERMOON_BROKER: url });
  expect(end).toMatchObject({ code: 1, stdout: '' });
  expect(end.stderr).toBe(
    `undermoon: cannot reach the broker at ${url} (from UNDERMOON_BROKER); ` +
      '"undermoon up" starts one, --broker names another\n',
  );
});

it('says when something else answers', async () => {
  const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const end = await run(['status', '--broker', `http://127.0.0.1:${port}`]);
  server.close();
  expect(end.code).toBe(1);
  expect(end.stderr).toContain(`what listens at http://127.0.0.1:${port} is not a broker`);
});

it('names a folder that is not its own', async () => {
  const end = await run(['up', '--dir', path.dirname(CLI)]);
  expect(end).toMatchObject({ code: 1, stdout: '' });
  expect(end.stderr).toContain('holds other files (such as ');
});
