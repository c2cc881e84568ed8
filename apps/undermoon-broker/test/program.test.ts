import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { ProgramGroup, takePort } from '@undermoon/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

const programs = new ProgramGroup(CLI);
let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'undermoon-broker-'));
});
afterEach(async () => {
  await programs.end();
  await rm(directory, { recursive: true });
});

const urlOf = (readyLine: string): string => `http://${readyLine.split(' ').at(-1)}/api/v3`;

async function addProxy(url: string, address: string): Promise<number> {
  const host = address.split(':')[0];
  const nodes = [`${host}:7001`, `${host}:7002`];
  const response = await fetch(`${url}/proxies/meta`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ proxy_address: address, nodes }),
  });
  return response.status;
}

async function proxiesOf(url: string): Promise<unknown> {
  const response = await fetch(`${url}/proxies/addresses`);
  return response.json();
}

describe('undermoon-broker', () => {
  it('serves from its ready line on, and stops with 0 on SIGTERM', async () => {
    const program = programs.start(['--address', '127.0.0.1:0']);
    const line = await program.firstLine;
    expect(line).toMatch(/^undermoon-broker listening on 127\.0\.0\.1:\d+$/);
    expect((await fetch(`${urlOf(line)}/version`)).status).toBe(200);
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ code: 0, stdout: `${line}\n` });
    expect(await readdir(directory)).toEqual([]);
  });

  it.each([
    ['storage_type = "file"', {}],
    ['storage_type = "memory"', { UNDERMOON_AUTO_UPDATE_META_FILE: '1' }],
    ['recover_from_meta_file = true', {}],
    ['update_meta_file_interval = 10', {}],
  ])('keeps its metadata in the file with %s %o', async (toml, env) => {
    const file = path.join(directory, 'broker.toml');
    const meta = path.join(directory, 'metadata');
    await writeFile(file, `address = "127.0.0.1:0"\nmeta_filename = "${meta}"\n${toml}\n`);
    const first = programs.start([file], env);
    const url = urlOf(await first.firstLine);
    expect(await addProxy(url, '10.0.0.1:5299')).toBe(200);
    first.kill('SIGKILL');
    await first.ended;
    expect(await readFile(meta, 'utf8')).toContain('10.0.0.1:5299');

    const second = programs.start([file], env);
    expect(await proxiesOf(urlOf(await second.firstLine))).toEqual({
      addresses: ['10.0.0.1:5299'],
    });
  });

  it.each([
    ['storage_type is "etcd", but etcd_endpoints is empty', ['--storage-type=etcd']],
    ['etcd_endpoints is set, but storage_type is "memory"', ['--etcd-endpoints=a:1']],
    [
      'replica_addresses is set',
      ['--storage-type=etcd', '--etcd-endpoints=a:1', '--replica-addresses=b:1'],
    ],
    [
      'advertise_address is needed',
      ['--storage-type=etcd', '--etcd-endpoints=a:1', '--address=0.0.0.0:0'],
    ],
    [
      'recover_from_meta_file, auto_update_meta_file',
      ['--storage-type=etcd', '--etcd-endpoints=a:1', '--auto-update-meta-file'],
    ],
    [
      'etcd_password is set, but etcd_username is empty',
      ['--storage-type=etcd', '--etcd-endpoints=a:1', '--etcd-password=x'],
    ],
  ])('refuses settings that contradict each other: %s', async (text, argv) => {
    const { code, stderr } = await programs.start(argv).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`undermoon-broker: ${text}`);
  });

  it('names an etcd that does not answer and exits with 1', async () => {
    const { code, stderr } = await programs.start([
      '--address=127.0.0.1:0',
      '--storage-type=etcd',
      '--etcd-endpoints=127.0.0.1:1',
      '--storage-start-timeout=1',
    ]).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('no etcd endpoint of http://127.0.0.1:1 answered');
  });

  it('names a damaged file, leaves it alone and exits with 1', async () => {
    const meta = path.join(directory, 'metadata');
    await writeFile(meta, '{"version": "mem-broker-0.2", "glob');
    const argv = ['--address=127.0.0.1:0', '--storage-type=file', `--meta-filename=${meta}`];
    const { code, stdout, stderr } = await programs.start(argv).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(meta);
    expect(await readFile(meta, 'utf8')).toBe('{"version": "mem-broker-0.2", "glob');
  });

  it('ends with 0 when its stdin ends and it was told to follow its parent', async () => {
    const program = programs.start(['--address', '127.0.0.1:0', '--exit-with-parent', '--json']);
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
      `undermoon-broker: cannot listen on ${address}: address already in use\n`,
    );
  });

  it('refuses a storage that it does not have instead of losing data', async () => {
    const { code, stderr } = await programs.start([], { UNDERMOON_STORAGE_TYPE: 'tape' }).ended;
    expect(code).toBe(2);
    expect(stderr).toBe(
      'undermoon-broker: invalid field storage_type (UNDERMOON_STORAGE_TYPE): ' +
        'expected one of memory, file, http, etcd, got "tape"\n',
    );
  });

  it('never shows the password of the storage, not even the default', async () => {
    const { stdout } = await programs.start(['--print-config']).ended;
    expect(stdout).toContain('storage_password = "********" # default\n');
    const help = await programs.start(['--help']).ended;
    expect(stdout + help.stdout).not.toContain('my_storage_password');
  });
});
