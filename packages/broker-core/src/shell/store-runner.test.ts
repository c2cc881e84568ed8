import assert from 'node:assert/strict';
import { silentLogger, type LogFields, type Logger } from '@undermoon/runtime';
import { describe, expect, test } from 'vitest';
import { addProxyCommand, CONTEXT, DEMO, proxyAt } from '../../test/store-fixture.ts';
import { emptyStore } from '../core/model.ts';
import type { MetaStorage, StoreChange } from './persistence/meta-storage.ts';
import { StoreRunner } from './store-runner.ts';

interface Save {
  readonly change: StoreChange;
  readonly succeed: () => void;
  readonly fail: (error: Error) => void;
}

/** A storage whose saves end when the test says so. */
class HeldStorage implements MetaStorage {
  readonly saves: Save[] = [];
  #arrived: (() => void) | null = null;

  load = (): Promise<null> => Promise.resolve(null);
  close = (): Promise<void> => Promise.resolve();

  save(change: StoreChange): Promise<void> {
    return new Promise((succeed, fail) => {
      this.saves.push({ change, succeed, fail });
      this.#arrived?.();
    });
  }

  async nextSave(): Promise<Save> {
    if (this.saves.length === 0) await new Promise<void>((resolve) => (this.#arrived = resolve));
    const save = this.saves.shift();
    assert(save !== undefined);
    return save;
  }
}

function runnerOf(
  storage: MetaStorage,
  options: { queueLengthMax?: number; logger?: Logger } = {},
): StoreRunner {
  return new StoreRunner({
    initial: emptyStore(false),
    storage,
    logger: silentLogger,
    queueLengthMax: 100,
    context: () => CONTEXT,
    ...options,
  });
}

describe('StoreRunner', () => {
  test('answers after the save, and then the state has the change', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    let isAnswered = false;
    const answer = runner.run(addProxyCommand(1)).then((step) => {
      isAnswered = true;
      expect(runner.state).toBe(step.state);
      return step;
    });
    const save = await storage.nextSave();
    expect(isAnswered).toBe(false);
    expect(runner.state.globalEpoch).toBe(0);
    save.succeed();
    expect((await answer).outcome).toEqual({ ok: true, value: null });
    expect(runner.state.proxies.has(proxyAt(1))).toBe(true);
  });

  test('mutations that arrive during a save share the next one', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const first = runner.run(addProxyCommand(1));
    const save = await storage.nextSave();
    const others = [2, 3, 4].map((n) => runner.run(addProxyCommand(n)));
    save.succeed();
    await first;
    const second = await storage.nextSave();
    expect(second.change.state.globalEpoch).toBe(4);
    expect(second.change.steps.map(({ epoch }) => epoch)).toEqual([2, 3, 4]);
    second.succeed();
    await Promise.all(others);
    expect(storage.saves.length).toBe(0);
  });

  test('BUG-10: a failed save leaves the state as it was, and the next mutation tries again', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const before = runner.state;
    const lost = [runner.run(addProxyCommand(1)), runner.run(addProxyCommand(1))];
    const settled = Promise.allSettled(lost);
    (await storage.nextSave()).fail(new Error('disk full'));
    // The second one was refused because of the first one, which did not happen: it fails likewise.
    for (const result of await settled) {
      assert(result.status === 'rejected');
      expect(result.reason).toMatchObject({ code: 'PERSISTENCE_IO_ERROR' });
    }
    expect(runner.state).toBe(before);
    expect(runner.saveFailure?.code).toBe('PERSISTENCE_IO_ERROR');
    const again = runner.run(addProxyCommand(1));
    (await storage.nextSave()).succeed();
    expect((await again).outcome.ok).toBe(true);
    expect(runner.state.globalEpoch).toBe(1);
    expect(runner.saveFailure).toBeNull();
  });

  test('what changes nothing is answered without a save', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const step = await runner.run({ kind: 'delete-cluster', name: DEMO });
    expect(step.outcome).toMatchObject({ ok: false, code: 'CLUSTER_NOT_FOUND' });
    expect(storage.saves.length).toBe(0);
  });

  test('a refused mutation that changed the state is saved before it is answered', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const setUp = [
      runner.run(addProxyCommand(1)),
      runner.run({ kind: 'report-failure', address: proxyAt(1), reporterId: 'r' }),
    ];
    (await storage.nextSave()).succeed();
    await Promise.all(setUp);
    const answer = runner.run(addProxyCommand(1));
    (await storage.nextSave()).succeed();
    expect((await answer).outcome).toMatchObject({ ok: false, code: 'ALREADY_EXISTED' });
    expect(runner.state.failures.size).toBe(0);
  });

  test('refuses mutations past its queue', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage, { queueLengthMax: 2 });
    const first = runner.run(addProxyCommand(1));
    const save = await storage.nextSave();
    const waiting = [runner.run(addProxyCommand(2)), runner.run(addProxyCommand(3))];
    await expect(runner.run(addProxyCommand(4))).rejects.toMatchObject({ code: 'OVERLOADED' });
    save.succeed();
    (await storage.nextSave()).succeed();
    await Promise.all([first, ...waiting]);
    expect(runner.state.proxies.size).toBe(3);
  });

  test('drains what it took and takes no more', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const answer = runner.run(addProxyCommand(1));
    const drained = runner.drain();
    await expect(runner.run(addProxyCommand(2))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    (await storage.nextSave()).succeed();
    await drained;
    expect((await answer).outcome.ok).toBe(true);
  });

  test('aborts what waits and finishes what is being saved', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const first = runner.run(addProxyCommand(1));
    const save = await storage.nextSave();
    const waiting = runner.run(addProxyCommand(2));
    const settled = Promise.allSettled([waiting]);
    const aborted = runner.abort(new Error('test'));
    save.succeed();
    await aborted;
    expect(await settled).toMatchObject([{ reason: { code: 'SHUTTING_DOWN' } }]);
    expect((await first).outcome.ok).toBe(true);
    expect(runner.state.proxies.size).toBe(1);
  });

  test('a mutation that throws fails alone', async () => {
    const storage = new HeldStorage();
    const runner = runnerOf(storage);
    const broken = Promise.allSettled([runner.run({ kind: 'none' } as never)]);
    const sound = runner.run(addProxyCommand(2));
    const save = await storage.nextSave();
    expect(save.change.steps).toEqual([{ command: addProxyCommand(2), epoch: 1 }]);
    save.succeed();
    expect(await broken).toMatchObject([{ reason: { code: 'INTERNAL' } }]);
    expect((await sound).state.proxies.size).toBe(1);
  });

  test('logs events once they are kept', async () => {
    const lines: LogFields[] = [];
    const logger: Logger = { ...silentLogger, info: (fields) => lines.push(fields) };
    const storage = new HeldStorage();
    const runner = runnerOf(storage, { logger });
    const answer = runner.run(addProxyCommand(1));
    const save = await storage.nextSave();
    expect(lines).toEqual([]);
    save.succeed();
    await answer;
    expect(lines).toEqual([{ event: 'proxy-added', address: proxyAt(1) }]);
  });
});
