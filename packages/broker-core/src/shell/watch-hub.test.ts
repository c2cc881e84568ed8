import { systemClock } from '@undermoon/runtime/node';
import { describe, expect, test } from 'vitest';
import { addProxyCommand, CONTEXT } from '../../test/store-fixture.ts';
import { apply } from '../core/apply.ts';
import { emptyStore, type StoreState } from '../core/model.ts';
import { WatchHub } from './watch-hub.ts';

const EMPTY = emptyStore(false);

function hubOf(options: { watchersMax?: number; historyMax?: number } = {}): WatchHub {
  const limits = { historyMax: 100, namesMax: 100, watchersMax: 2 };
  return new WatchHub(EMPTY, { ...limits, clock: systemClock, ...options });
}

const { signal } = new AbortController();

describe('WatchHub', () => {
  test('refuses watchers above the limit; one that left makes room', async () => {
    const hub = hubOf();
    const { stream } = await hub.next(null, 1000, signal);
    const start = { stream, epoch: EMPTY.globalEpoch };
    const abort = new AbortController();
    const first = hub.next(start, 60_000, abort.signal);
    const leave = hub.subscribe(
      start,
      () => undefined,
      () => undefined,
    );
    expect(hub.watcherCount).toBe(2);
    await expect(hub.next(start, 60_000, signal)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(() =>
      hub.subscribe(
        start,
        () => undefined,
        () => undefined,
      ),
    ).toThrow(expect.objectContaining({ code: 'OVERLOADED' }) as Error);
    abort.abort();
    expect(await first).toMatchObject({ isResync: false, proxies: [] });
    leave();
    expect(hub.watcherCount).toBe(0);
  });

  test('ends all watches when it is closed, and takes no further ones', async () => {
    const hub = hubOf();
    const start = { stream: null, epoch: EMPTY.globalEpoch };
    const waiting = hub.next(start, 60_000, signal);
    let isEnded = false;
    hub.subscribe(
      start,
      () => undefined,
      () => (isEnded = true),
    );
    hub.close();
    expect(await waiting).toMatchObject({ epoch: 0, isResync: false });
    expect(isEnded).toBe(true);
    await expect(hub.next(start, 60_000, signal)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  test('remembers the latest changes only', async () => {
    const hub = hubOf({ historyMax: 4 });
    let state: StoreState = EMPTY;
    for (let n = 1; n <= 5; n++) {
      const next = apply(state, addProxyCommand(n), CONTEXT).state;
      hub.publish(state, next);
      state = next;
    }
    const since = async (epoch: number) =>
      hub.next({ stream: null, epoch: epoch as never }, 0, signal);
    expect((await since(1)).isResync).toBe(true);
    expect(await since(3)).toMatchObject({ isResync: false, epoch: 5 });
    expect((await since(3)).proxies).toHaveLength(2);
  });
});
