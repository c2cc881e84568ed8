import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metaStoreToJson } from '@undermoon/broker-api';
import { silentLogger, type LogFields } from '@undermoon/runtime';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addProxyCommand, CONTEXT, DEMO, EXPANDING_DUMP } from '../../../test/store-fixture.ts';
import { apply, APPLY_VERSION } from '../../core/apply.ts';
import type { StoreCommand } from '../../core/command.ts';
import { emptyStore, type StoreState } from '../../core/model.ts';
import { parseDump } from '../../core/restore.ts';
import { BrokerError } from '../../errors.ts';
import { fileStorage } from './file-storage.ts';
import { encodeLogHead } from './log-records.ts';
import type { MetaStorage } from './meta-storage.ts';
import { decodeStoreFile, encodeStoreFile } from './store-file.ts';

let directory: string;
let path: string;
let warnings: LogFields[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'undermoon-store-'));
  path = join(directory, 'metadata');
  warnings = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const STORE_ID = '00000000-0000-4000-8000-000000000000';
const LOG = '.log-000000000002';

/** A storage, and the state that it was given last. */
class Opened {
  readonly storage: MetaStorage;
  state: StoreState = emptyStore(false);

  constructor(logBytesMax: number) {
    const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
    this.storage = fileStorage({ path, logBytesMax, logger });
  }

  async run(command: StoreCommand): Promise<void> {
    const { state } = apply(this.state, command, CONTEXT);
    const steps = [{ command, epoch: state.globalEpoch }];
    await this.storage.save({ state, steps, context: CONTEXT });
    this.state = state;
  }

  /** Adds proxies so that there are `count`, one change each. */
  async addTo(count: number): Promise<void> {
    for (let n = this.state.proxies.size + 1; n <= count; n++) await this.run(addProxyCommand(n));
  }

  close(): Promise<void> {
    return this.storage.close();
  }
}

async function open(logBytesMax = 1 << 20): Promise<Opened> {
  const opened = new Opened(logBytesMax);
  opened.state = (await opened.storage.load()) ?? opened.state;
  return opened;
}

/** Leaves the files as a killed broker with `count` proxies would: the snapshot holds the first of them. */
async function leaveKilled(count: number): Promise<void> {
  const opened = await open();
  await opened.addTo(count);
  const files = await Promise.all(
    (await readdir(directory))
      .filter((name) => !name.includes('.lock'))
      .map(async (name) => [name, await readFile(join(directory, name))] as const),
  );
  await opened.close();
  for (const name of await readdir(directory)) await rm(join(directory, name));
  for (const [name, bytes] of files) await writeFile(join(directory, name), bytes);
}

/** The number of proxies that a broker would start with. */
async function loadCount(): Promise<number> {
  const opened = await open();
  await opened.close();
  return opened.state.proxies.size;
}

async function refusal(): Promise<BrokerError> {
  const before = await contents();
  try {
    await loadCount();
  } catch (error) {
    assert(error instanceof BrokerError, String(error));
    assert.deepEqual(await contents(), before, 'refused, but changed');
    return error;
  }
  throw new Error('the files were loaded');
}

async function contents(): Promise<Record<string, string>> {
  const names = (await readdir(directory)).toSorted();
  const entries = names.map(async (name) => [name, await readFile(join(directory, name), 'hex')]);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
}

describe('sound files', () => {
  test('give back every change, from the snapshot and the log', async () => {
    expect(await loadCount()).toBe(0);
    expect(await readdir(directory)).toEqual([]);
    await leaveKilled(3);
    expect((await readdir(directory)).toSorted()).toEqual(['metadata', `metadata${LOG}`]);
    expect(decodeStoreFile(await readFile(path))).toMatchObject({ sequence: 1 });
    const opened = await open();
    await opened.run({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    await opened.close();
    const again = await open();
    expect(metaStoreToJson(again.state)).toEqual(metaStoreToJson(opened.state));
    await again.close();
  });

  test('are one snapshot after an orderly stop, so that another version can go on from it', async () => {
    await leaveKilled(3);
    await (await open()).close();
    expect(decodeStoreFile(await readFile(path))).toMatchObject({ sequence: 3 });
    await rm(`${path}${LOG}`);
    expect(await loadCount()).toBe(3);
  });

  test('may be a bare dump of the original, or a file of the earlier format', async () => {
    const dump = JSON.stringify(EXPANDING_DUMP);
    const sum = createHash('sha256').update(dump).digest('hex');
    for (const content of [
      dump,
      `undermoon-store 1 sha256=${sum} bytes=${Buffer.byteLength(dump)}\n${dump}`,
    ]) {
      await writeFile(path, content);
      const opened = await open();
      expect(metaStoreToJson(opened.state)).toEqual(EXPANDING_DUMP);
      await opened.run(addProxyCommand(1));
      await opened.run(addProxyCommand(2));
      await opened.close();
      expect(await loadCount()).toBe(6);
      for (const name of await readdir(directory)) await rm(join(directory, name));
    }
  });

  test('are found in a directory that has to be made first', async () => {
    path = join(directory, 'a', 'b', 'metadata');
    const opened = await open();
    await opened.addTo(2);
    await opened.close();
    expect(await loadCount()).toBe(2);
  });
});

describe('the log', () => {
  test('stays bounded: snapshots take its place while changes go on', async () => {
    const opened = await open(2000);
    for (let round = 0; round < 40; round++) await opened.addTo(round + 1);
    await opened.close();
    const names = (await readdir(directory)).filter((name) => name.includes('.log-'));
    let bytes = 0;
    for (const name of names) bytes += (await readFile(join(directory, name))).length;
    expect(names.length).toBeLessThanOrEqual(3);
    expect(bytes).toBeLessThan(3 * 2000 + 1000);
    expect(await loadCount()).toBe(40);
    expect(warnings).toEqual([]);
  });

  test('takes changes while no snapshot can be written, up to a limit, and recovers', async () => {
    const opened = await open(1000);
    await opened.addTo(1);
    // A directory in the way of the previous file makes the rename fail.
    await mkdir(join(`${path}.prev`, 'in-the-way'), { recursive: true });
    await expect(opened.addTo(100)).rejects.toMatchObject({ code: 'PERSISTENCE_IO_ERROR' });
    const kept = opened.state.proxies.size;
    expect(kept).toBeGreaterThan(10);
    expect(warnings.length).toBeGreaterThan(0);
    await rm(`${path}.prev`, { recursive: true });
    await opened.addTo(kept + 1);
    await opened.close();
    expect(await loadCount()).toBe(kept + 1);
  });

  test('takes nothing after a refused change that asks for less room than that one', async () => {
    const opened = await open(1000);
    await opened.addTo(1);
    await mkdir(join(`${path}.prev`, 'in-the-way'), { recursive: true });
    await expect(opened.addTo(100)).rejects.toMatchObject({ code: 'PERSISTENCE_IO_ERROR' });
    const question = { state: opened.state, steps: [], context: CONTEXT };
    await expect(opened.storage.save(question)).rejects.toMatchObject({
      code: 'PERSISTENCE_IO_ERROR',
    });
    await rm(`${path}.prev`, { recursive: true });
    await opened.storage.save(question);
    await opened.storage.save(question);
    await opened.addTo(opened.state.proxies.size + 1);
    const names = (await readdir(directory)).filter((name) => name.includes('.log-'));
    const logs = await Promise.all(
      names.toSorted().map((name) => readFile(join(directory, name), 'utf8')),
    );
    const lines = logs.flatMap((log) => log.trimEnd().split('\n').slice(1)).slice(-3);
    const [afterRefusal = 0, later = 0, change = 0] = lines.map((line) => line.length);
    expect(afterRefusal).toBeGreaterThanOrEqual(change);
    expect(later).toBeLessThan(change);
    const count = opened.state.proxies.size;
    await opened.close();
    expect(await loadCount()).toBe(count);
  });

  test('cut at any byte gives what was kept up to there', async () => {
    await leaveKilled(4);
    const log = await readFile(`${path}${LOG}`);
    const ends = [...log.toString().matchAll(/\n/g)].map((match) => match.index + 1);
    const [headEnd = 0, ...recordEnds] = ends;
    // Every byte is cut at in the tests of the log's format; this goes the whole way from the file.
    for (let length = headEnd; length <= log.length; length += 29) {
      await writeFile(`${path}${LOG}`, log.subarray(0, length));
      const kept = recordEnds.filter((end) => end <= length).length;
      assert.equal(await countWithoutClosing(), 1 + kept, `cut at ${length}`);
    }
    expect(warnings.length).toBeGreaterThan(20);
  });

  /** Loads and puts the files back as they were. */
  async function countWithoutClosing(): Promise<number> {
    const before = await contents();
    const count = await loadCount();
    for (const name of await readdir(directory)) await rm(join(directory, name));
    for (const [name, hex] of Object.entries(before)) {
      await writeFile(join(directory, name), Buffer.from(hex, 'hex'));
    }
    return count;
  }

  test('goes on after a torn record', async () => {
    await leaveKilled(3);
    const log = await readFile(`${path}${LOG}`);
    await writeFile(`${path}${LOG}`, log.subarray(0, log.length - 20));
    const opened = await open();
    await opened.addTo(5);
    await opened.storage.close();
    expect(await loadCount()).toBe(5);
  });

  test('with zeros in place of its last record is torn', async () => {
    await leaveKilled(3);
    const log = await readFile(`${path}${LOG}`);
    const last = log.subarray(0, -1).lastIndexOf(10) + 1;
    await writeFile(`${path}${LOG}`, Buffer.from(log).fill(0, last));
    expect(await countWithoutClosing()).toBe(2);
    await writeFile(`${path}${LOG}`, Buffer.from(log).fill(0, last, log.length - 30));
    expect(await countWithoutClosing()).toBe(2);
  });

  test('with any bit flipped is refused, never shortened', async () => {
    await leaveKilled(3);
    const log = await readFile(`${path}${LOG}`);
    for (let at = 0; at < log.length; at += 23) {
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(`${path}${LOG}`, bytes);
      const error = await refusal();
      assert.equal(error.code, 'STORE_DAMAGED', `byte ${at}`);
      assert(error.message.includes(`log ${path}${LOG} has a damaged`), error.message);
    }
  });

  test('damaged in the middle is refused with the way out, which works', async () => {
    await leaveKilled(5);
    const log = await readFile(`${path}${LOG}`);
    const lines = log.toString().split('\n');
    const sound = Buffer.byteLength(lines.slice(0, 3).join('\n')) + 1;
    const bytes = Buffer.from(log);
    bytes[sound + 100] = (bytes[sound + 100] ?? 0) ^ 1;
    await writeFile(`${path}${LOG}`, bytes);
    const { message } = await refusal();
    expect(message).toContain(`has a damaged record 4 at byte ${sound}`);
    expect(message).toContain(`truncate -s ${sound} ${path}${LOG}`);
    await writeFile(`${path}${LOG}`, bytes.subarray(0, sound));
    expect(await loadCount()).toBe(3);
  });

  test('of other rules is refused, unless the snapshot includes it all', async () => {
    await leaveKilled(3);
    const log = await readFile(`${path}${LOG}`);
    const { storeId } = decodeStoreFile(await readFile(path));
    assert(storeId !== null);
    const head = encodeLogHead({ applyVersion: 99, storeId, start: 2 });
    const records = log.subarray(log.indexOf(10) + 1);
    await writeFile(`${path}${LOG}`, Buffer.concat([head, records]));
    const { code, message } = await refusal();
    expect(code).toBe('STORE_DAMAGED');
    expect(message).toContain('written by another version of the broker (rules 99, these are');
    await writeFile(`${path}${LOG}`, head);
    const opened = await open();
    await opened.addTo(3);
    await opened.close();
    expect(await loadCount()).toBe(3);
  });

  test('of another store, or with a gap before it, is refused', async () => {
    await leaveKilled(3);
    const head = encodeLogHead({ applyVersion: APPLY_VERSION, storeId: STORE_ID, start: 2 });
    const log = await readFile(`${path}${LOG}`);
    await writeFile(`${path}${LOG}`, head);
    expect((await refusal()).message).toContain('belongs to another metadata file');
    await writeFile(`${path}${LOG}`, log);
    const { dump, storeId } = decodeStoreFile(await readFile(path));
    await writeFile(path, encodeStoreFile(dump, storeId ?? '', 0));
    expect((await refusal()).message).toContain('begins with record 2, and record 1 is nowhere');
  });
});

describe('a damaged snapshot', () => {
  test('cut at any byte is refused by name, and left alone', async () => {
    await leaveKilled(2);
    const whole = await readFile(path);
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      assert.throws(() => decodeStoreFile(cut), { code: 'STORE_DAMAGED' }, `cut at ${length}`);
      // The whole way from the file is slower; every tenth cut goes it.
      if (length % 10 !== 0) continue;
      await writeFile(path, cut);
      const error = await refusal();
      assert.equal(error.code, 'STORE_DAMAGED', `cut at ${length}`);
      assert(error.message.includes(`metadata file ${path} `), error.message);
    }
  });

  test('is made good by the one before it and the log', async () => {
    const opened = await open(500);
    await opened.addTo(20);
    await opened.close();
    const bytes = await readFile(path);
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { message } = await refusal();
    expect(message).toContain(`${path}.prev, which is sound, and the log holds all changes since`);
    await writeFile(path, await readFile(`${path}.prev`));
    expect(await loadCount()).toBe(20);
  });

  test('of the original, cut at any byte, is refused too', async () => {
    const whole = Buffer.from(JSON.stringify(EXPANDING_DUMP));
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      assert.throws(() => decodeStoreFile(cut), { code: 'STORE_DAMAGED' }, `cut at ${length}`);
    }
    await writeFile(path, whole.subarray(0, 100));
    expect((await refusal()).message).toContain('is not whole JSON text');
    expect((await refusal()).message).toContain('There is no sound');
  });

  test('with any byte changed is refused', () => {
    const whole = encodeStoreFile(EXPANDING_DUMP, STORE_ID, 17);
    expect(decodeStoreFile(whole)).toEqual({
      dump: EXPANDING_DUMP,
      storeId: STORE_ID,
      sequence: 17,
    });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        assert.throws(() => decodeStoreFile(bytes), { code: 'STORE_DAMAGED' });
      }),
      { numRuns: 500 },
    );
  });

  test('with bytes added is refused', async () => {
    await leaveKilled(1);
    await writeFile(path, Buffer.concat([await readFile(path), Buffer.from(' ')]));
    expect((await refusal()).message).toMatch(/holds \d+ bytes of data where it should hold \d+/);
  });

  test('of a later format is refused as such', async () => {
    const head = `sha256=${'0'.repeat(64)} bytes=0 store=${STORE_ID} seq=0`;
    await writeFile(path, `undermoon-store 3 ${head}\n`);
    expect((await refusal()).message).toContain('has the unknown format 3');
  });

  test('that contradicts itself is refused with the contradiction', async () => {
    await writeFile(path, encodeStoreFile({ ...EXPANDING_DUMP, global_epoch: 3 }, STORE_ID, 0));
    expect((await refusal()).message).toContain(
      "demo: the cluster's epoch is above the global one",
    );
  });

  test('that is gone while other files are there is not an empty store', async () => {
    await leaveKilled(2);
    await rm(path);
    expect((await refusal()).message).toContain('is missing, though there are files');
  });

  test('replaced by one of another store is refused because of the log', async () => {
    await leaveKilled(2);
    await writeFile(path, JSON.stringify(EXPANDING_DUMP));
    const { message } = await refusal();
    expect(message).toContain('belongs to another metadata file');
    expect(message).toContain(`move the files ${path}.log-* away`);
  });
});

describe('saving', () => {
  test('clears what a killed broker left', async () => {
    await leaveKilled(1);
    await writeFile(join(directory, 'metadata.tmp-123-4'), 'half');
    await writeFile(join(directory, 'metadata.tmp-prev'), 'half');
    await writeFile(join(directory, 'other.tmp-1'), 'kept');
    expect(await loadCount()).toBe(1);
    expect((await readdir(directory)).toSorted()).toEqual(['metadata', 'other.tmp-1']);
  });

  test('goes on after a crash between the two renames of a snapshot', async () => {
    await leaveKilled(2);
    // The present file was linked as the previous one already: both are one file.
    await link(path, `${path}.prev`);
    const opened = await open();
    await opened.addTo(4);
    await opened.close();
    expect(await loadCount()).toBe(4);
    expect(await readdir(directory)).not.toContain('metadata.tmp-prev');
  });

  test('before loading is refused', async () => {
    await expect(new Opened(1).run(addProxyCommand(1))).rejects.toMatchObject({
      code: 'NOT_RUNNING',
    });
  });

  test('keeps what a dump that is restored over HTTP holds', async () => {
    const parsed = parseDump(EXPANDING_DUMP);
    assert(parsed.ok);
    const opened = await open();
    await opened.addTo(2);
    await opened.run({ kind: 'restore', store: parsed.value });
    await opened.close();
    await rm(`${path}.prev`);
    expect(await loadCount()).toBe(4);
  });
});

describe('the lock', () => {
  test('keeps a second broker out, and is given back', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await first.close();
    expect(await loadCount()).toBe(0);
  });

  test.each([
    { what: 'a process that is gone', owner: { pid: 2 ** 22 + 1, started: '', token: 'x' } },
    {
      what: 'an earlier process with the same id',
      owner: { pid: process.pid, started: 'another boot:1', token: 'x' },
    },
  ])('of $what is taken over', async ({ owner }) => {
    await writeFile(`${path}.lock`, JSON.stringify(owner));
    expect(await loadCount()).toBe(0);
  });

  test('is taken over past a takeover that was killed', async () => {
    await writeFile(`${path}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, started: '', token: 'x' }));
    await mkdir(`${path}.lock.takeover`);
    await utimes(`${path}.lock.takeover`, new Date(0), new Date(0));
    expect(await loadCount()).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });

  test('that was torn while it was written is taken over', async () => {
    await writeFile(`${path}.lock`, '{"pid":1');
    expect(await loadCount()).toBe(0);
  });

  test('that was taken away stops the saving', async () => {
    const opened = await open();
    await opened.addTo(1);
    await rm(`${path}.lock`);
    await expect(opened.addTo(2)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    await opened.close();
    expect(await loadCount()).toBe(1);
  });

  test('goes to one of several that start at once', async () => {
    await writeFile(`${path}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, started: '', token: 'x' }));
    const storages = Array.from({ length: 8 }, () => new Opened(1).storage);
    const results = await Promise.allSettled(storages.map((storage) => storage.load()));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBe(1);
    await Promise.all(storages.map((storage) => storage.close()));
  });
});

test('a path that is a directory is told', async () => {
  await mkdir(path);
  await expect(open()).rejects.toMatchObject({
    code: 'STORE_UNREADABLE',
    message: expect.stringContaining(`${path}: cannot be opened: EISDIR`) as string,
  });
});
