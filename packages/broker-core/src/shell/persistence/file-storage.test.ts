import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metaStoreToJson } from '@undermoon/broker-api';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addProxyCommand, CheckedStore, EXPANDING_DUMP } from '../../../test/store-fixture.ts';
import { BrokerError } from '../../errors.ts';
import { fileStorage } from './file-storage.ts';
import { decodeStoreFile, encodeStoreFile } from './store-file.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'undermoon-store-'));
  path = join(directory, 'metadata');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A dump with `count` proxies. */
function dumpOf(count: number): unknown {
  const store = new CheckedStore();
  for (let n = 1; n <= count; n++) store.must(addProxyCommand(n));
  return metaStoreToJson(store.state);
}

async function save(...dumps: readonly unknown[]): Promise<void> {
  const storage = fileStorage(path);
  await storage.load();
  for (const dump of dumps) await storage.save(dump);
  await storage.close();
}

async function load(): Promise<unknown> {
  const storage = fileStorage(path);
  try {
    return await storage.load();
  } finally {
    await storage.close();
  }
}

async function refusal(): Promise<BrokerError> {
  try {
    await load();
  } catch (error) {
    assert(error instanceof BrokerError, String(error));
    return error;
  }
  throw new Error('the file was loaded');
}

describe('a sound file', () => {
  test('is read back, and the one before it is kept', async () => {
    expect(await load()).toBeNull();
    await save(dumpOf(1), dumpOf(2), dumpOf(3));
    expect(await load()).toEqual(dumpOf(3));
    expect(decodeStoreFile(await readFile(`${path}.prev`))).toEqual(dumpOf(2));
    expect((await readdir(directory)).toSorted()).toEqual(['metadata', 'metadata.prev']);
  });

  test('may be a bare dump of the original', async () => {
    await writeFile(path, JSON.stringify(EXPANDING_DUMP));
    expect(await load()).toEqual(EXPANDING_DUMP);
    await save(dumpOf(1));
    expect(await load()).toEqual(dumpOf(1));
    expect(JSON.parse(await readFile(`${path}.prev`, 'utf8'))).toEqual(EXPANDING_DUMP);
  });

  test('is found in a directory that has to be made first', async () => {
    path = join(directory, 'a', 'b', 'metadata');
    await save(dumpOf(1));
    expect(await load()).toEqual(dumpOf(1));
  });
});

describe('a damaged file', () => {
  test('cut at any byte is refused by name, and left alone', async () => {
    await save(dumpOf(1), dumpOf(2));
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
      assert(error.message.includes(`${path}.prev, which is sound`), error.message);
      assert.equal((await readFile(path)).length, length);
    }
    await writeFile(path, await readFile(`${path}.prev`));
    expect(await load()).toEqual(dumpOf(1));
  });

  test('of the original, cut at any byte, is refused too', async () => {
    const whole = Buffer.from(JSON.stringify(dumpOf(1)));
    expect(decodeStoreFile(whole)).toEqual(dumpOf(1));
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      assert.throws(() => decodeStoreFile(cut), { code: 'STORE_DAMAGED' }, `cut at ${length}`);
    }
    await writeFile(path, whole.subarray(0, 100));
    expect((await refusal()).message).toContain('is not whole JSON text');
    expect((await refusal()).message).toContain('There is no sound');
  });

  test('with any byte changed is refused', () => {
    const whole = encodeStoreFile(dumpOf(2));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= flip;
        assert.throws(() => decodeStoreFile(bytes), { code: 'STORE_DAMAGED' });
      }),
      { numRuns: 500 },
    );
  });

  test('with bytes added is refused', async () => {
    await save(dumpOf(1));
    await writeFile(path, Buffer.concat([await readFile(path), Buffer.from(' ')]));
    expect((await refusal()).message).toMatch(/holds \d+ bytes of data where it should hold \d+/);
  });

  test('of a later format is refused as such', async () => {
    await writeFile(path, `undermoon-store 2 sha256=${'0'.repeat(64)} bytes=0\n`);
    expect((await refusal()).message).toContain('has the unknown format 2');
  });

  test('that contradicts itself is refused with the contradiction', async () => {
    await writeFile(path, encodeStoreFile({ ...EXPANDING_DUMP, global_epoch: 3 }));
    expect((await refusal()).message).toContain(
      "demo: the cluster's epoch is above the global one",
    );
  });

  test('that is gone while its predecessor is there is not an empty store', async () => {
    await save(dumpOf(1), dumpOf(2));
    await rm(path);
    expect((await refusal()).message).toContain('is missing, though there is a previous one');
  });
});

describe('saving', () => {
  test('clears what a killed broker left', async () => {
    await save(dumpOf(1));
    await writeFile(join(directory, 'metadata.tmp-123-4'), 'half');
    await writeFile(join(directory, 'metadata.tmp-prev'), 'half');
    await writeFile(join(directory, 'other.tmp-1'), 'kept');
    expect(await load()).toEqual(dumpOf(1));
    expect((await readdir(directory)).toSorted()).toEqual(['metadata', 'other.tmp-1']);
  });

  test('that fails keeps the old file, leaves nothing, and works again later', async () => {
    const storage = fileStorage(path);
    await storage.load();
    await storage.save(dumpOf(1));
    // A directory in the way of the previous file makes the rename fail.
    await mkdir(join(`${path}.prev`, 'in-the-way'), { recursive: true });
    await expect(storage.save(dumpOf(2))).rejects.toThrow();
    expect(decodeStoreFile(await readFile(path))).toEqual(dumpOf(1));
    await rm(`${path}.prev`, { recursive: true });
    await storage.save(dumpOf(3));
    await storage.close();
    expect(await load()).toEqual(dumpOf(3));
    expect(await readdir(directory)).not.toContain('metadata.tmp-prev');
  });

  test('goes on after a crash between its two renames', async () => {
    await save(dumpOf(1), dumpOf(2));
    // The present file was linked as the previous one already: both are one file.
    await rm(`${path}.prev`);
    await link(path, `${path}.prev`);
    await save(dumpOf(3), dumpOf(4));
    expect(await load()).toEqual(dumpOf(4));
    expect((await readdir(directory)).toSorted()).toEqual(['metadata', 'metadata.prev']);
  });

  test('before loading is refused', async () => {
    await expect(fileStorage(path).save(dumpOf(1))).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });
});

describe('the lock', () => {
  test('keeps a second broker out, and is given back', async () => {
    const first = fileStorage(path);
    await first.load();
    expect((await refusal()).code).toBe('STORE_LOCKED');
    await first.close();
    expect(await load()).toBeNull();
  });

  test.each([
    { what: 'a process that is gone', owner: { pid: 2 ** 22 + 1, started: '', token: 'x' } },
    {
      what: 'an earlier process with the same id',
      owner: { pid: process.pid, started: 'another boot:1', token: 'x' },
    },
  ])('of $what is taken over', async ({ owner }) => {
    await writeFile(`${path}.lock`, JSON.stringify(owner));
    expect(await load()).toBeNull();
  });

  test('is taken over past a takeover that was killed', async () => {
    await writeFile(`${path}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, started: '', token: 'x' }));
    await mkdir(`${path}.lock.takeover`);
    await utimes(`${path}.lock.takeover`, new Date(0), new Date(0));
    expect(await load()).toBeNull();
    expect(await readdir(directory)).toEqual([]);
  });

  test('that was torn while it was written is taken over', async () => {
    await writeFile(`${path}.lock`, '{"pid":1');
    expect(await load()).toBeNull();
  });

  test('that was taken away stops the saving', async () => {
    const storage = fileStorage(path);
    await storage.load();
    await storage.save(dumpOf(1));
    await rm(`${path}.lock`);
    await expect(storage.save(dumpOf(2))).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    expect(decodeStoreFile(await readFile(path))).toEqual(dumpOf(1));
    await storage.close();
  });

  test('goes to one of several that start at once', async () => {
    await writeFile(`${path}.lock`, JSON.stringify({ pid: 2 ** 22 + 1, started: '', token: 'x' }));
    const storages = Array.from({ length: 8 }, () => fileStorage(path));
    const results = await Promise.allSettled(storages.map((storage) => storage.load()));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBe(1);
    await Promise.all(storages.map((storage) => storage.close()));
  });
});

test('a path that is a directory is told', async () => {
  await mkdir(path);
  const error = await refusal();
  expect(error).toMatchObject({ code: 'STORE_UNREADABLE' });
  expect(error.message).toContain(`${path}: cannot be opened: EISDIR`);
});
