import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import {
  addProxyCommand,
  address,
  CheckedStore,
  DEMO,
  EXPANDING_DUMP,
  proxyAt,
  storeWithCluster,
  withRoles,
} from '../../test/store-fixture.ts';
import type { StoreCommand } from './command.ts';
import { emptyStore } from './model.ts';
import { parseDump } from './restore.ts';

function failoverOf(n: number): StoreCommand {
  return { kind: 'failover', address: proxyAt(n) };
}

/** The running expansion, whose proxies are 10.0.1.1 to 10.0.1.4. */
function expandingStore(): CheckedStore {
  const parsed = parseDump(EXPANDING_DUMP);
  assert(parsed.ok);
  return new CheckedStore(parsed.value);
}

/** The epochs of both migrations, the source's and the destination's copy: they have to agree. */
function taskEpochs(store: CheckedStore): number[] {
  const copies = [store.chunk(0), store.chunk(1)].map((chunk) =>
    chunk.migratingSlots.map((entries) => entries.map((entry) => entry.meta.epoch)),
  );
  expect(copies[0]).toEqual(copies[1]);
  return copies[0]?.flat() ?? [];
}

describe('failover of a member', () => {
  test('moves the roles, replaces the proxy and tells its replacement', () => {
    const store = storeWithCluster(3, 4);
    expect(store.epochs).toEqual([4, 4]);
    store.report(1);
    const step = store.step(failoverOf(1));
    expect(step.outcome).toEqual({ ok: true, value: proxyAt(3) });
    expect(store.chunk()).toMatchObject({
      rolePosition: 'SecondChunkMaster',
      proxyAddresses: [proxyAt(3), proxyAt(2)],
      hosts: ['host-3', 'host-2'],
      nodeAddresses: ['10.0.0.3:7001', '10.0.0.3:7002', '10.0.0.2:7001', '10.0.0.2:7002'],
    });
    // Four from the set-up, one for the report, one for the roles, one for the replacement.
    expect(store.epochs).toEqual([7, 7]);
    expect([...store.state.failedProxies]).toEqual([proxyAt(1)]);
    expect(store.state.failures.size).toBe(0);
    expect(store.state.proxies.get(proxyAt(1))?.cluster).toBeNull();
    expect(store.state.proxies.get(proxyAt(3))?.cluster).toBe(DEMO);
    expect(step.events.map((event) => event.kind)).toEqual([
      'roles-flipped',
      'proxy-failed',
      'proxy-replaced',
    ]);
  });

  test.each([
    { n: 1, position: 'SecondChunkMaster' },
    { n: 2, position: 'FirstChunkMaster' },
  ])('of half $n without a spare proxy moves the roles all the same', ({ n, position }) => {
    const store = storeWithCluster(2, 4);
    expect(store.code(failoverOf(n))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.chunk().rolePosition).toBe(position);
    expect([...store.state.failedProxies]).toEqual([proxyAt(n)]);
  });

  test('BUG-4: repeated does not raise the epoch again', () => {
    const store = storeWithCluster(2, 4);
    store.report(1);
    store.run(failoverOf(1));
    const { state } = store;
    for (let i = 0; i < 5; i++) expect(store.code(failoverOf(1))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.state).toBe(state);
  });

  test('BUG-2: never puts the replacement on the host of the survivor', () => {
    const store = new CheckedStore();
    for (const [i, host] of ['a', 'b', 'b', 'b'].entries())
      store.must(addProxyCommand(i + 1, host));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    expect(store.chunk().hosts).toEqual(['b', 'a']);
    // All that is free is on b, where the survivor is.
    expect(store.code(failoverOf(1))).toBe('NO_AVAILABLE_RESOURCE');
    store.must(addProxyCommand(5, 'a'));
    expect(store.chunk().proxyAddresses).toEqual([proxyAt(2), proxyAt(5)]);
  });

  test('takes the own host of the failed proxy only if there is no third one', () => {
    const store = new CheckedStore();
    for (const [i, host] of ['a', 'b', 'a', 'c'].entries())
      store.must(addProxyCommand(i + 1, host));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    expect(store.chunk().hosts).toEqual(['a', 'b']);
    store.must(failoverOf(1));
    expect(store.chunk().hosts).toEqual(['c', 'b']);
    store.must(failoverOf(4));
    expect(store.chunk().hosts).toEqual(['a', 'b']);
  });

  test('of an unknown proxy is refused and changes nothing', () => {
    const store = storeWithCluster(2, 4);
    const { state } = store;
    expect(store.code(failoverOf(9))).toBe('PROXY_NOT_FOUND');
    expect(store.state).toBe(state);
  });

  test('without any report works, for planned stops', () => {
    const store = storeWithCluster(3, 4);
    expect(store.run(failoverOf(2))).toEqual({ ok: true, value: proxyAt(3) });
    expect(store.chunk().rolePosition).toBe('FirstChunkMaster');
  });
});

describe('BUG-9: both halves down', () => {
  test('the roles stay where they are, whoever is asked for', () => {
    const store = storeWithCluster(4, 4);
    store.report(1);
    store.report(2);
    const { state } = store;
    for (let i = 0; i < 3; i++) {
      expect(store.code(failoverOf(1))).toBe('NO_AVAILABLE_RESOURCE');
      expect(store.code(failoverOf(2))).toBe('NO_AVAILABLE_RESOURCE');
    }
    expect(store.state).toBe(state);
  });

  test('masters do not go back to a half that was failed over', () => {
    const store = storeWithCluster(2, 4);
    store.run(failoverOf(1));
    const { state } = store;
    store.report(2);
    expect(store.code(failoverOf(2))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.chunk().rolePosition).toBe('SecondChunkMaster');
    expect(store.state.clusters).toBe(state.clusters);
    expect(store.state.failedProxies).toBe(state.failedProxies);
  });

  test('an empty proxy does not take the place of a copy while the other one is down', () => {
    const store = storeWithCluster(2, 4);
    store.run(failoverOf(1));
    store.report(2);
    store.must(addProxyCommand(3));
    expect(store.chunk().proxyAddresses).toEqual([proxyAt(1), proxyAt(2)]);
    // The survivor is back: its report runs out, and the replacement follows at once.
    store.pass(60);
    store.must({ kind: 'purge-failures' });
    expect(store.chunk().proxyAddresses).toEqual([proxyAt(3), proxyAt(2)]);
  });

  test('the one that comes back first becomes the master', () => {
    const store = storeWithCluster(2, 4);
    store.report(1);
    store.report(2);
    expect(store.code(failoverOf(1))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.code(addProxyCommand(2))).toBe('ALREADY_EXISTED');
    expect(store.code(failoverOf(1))).toBe('NO_AVAILABLE_RESOURCE');
    expect(store.chunk().rolePosition).toBe('SecondChunkMaster');
  });

  test('counts reporters as the quorum says', () => {
    const store = storeWithCluster(2, 4);
    store.context = { ...store.context, failureQuorum: 2 };
    store.report(1, 'r1');
    store.report(1, 'r2');
    store.report(2, 'r1');
    store.run(failoverOf(1));
    expect(store.chunk().rolePosition).toBe('SecondChunkMaster');
  });
});

describe('LIM-3: waiting replacements', () => {
  test.each<{ what: string; happens: (store: CheckedStore) => void }>([
    { what: 'a new proxy', happens: (store) => store.must(addProxyCommand(9)) },
    {
      what: 'a failed proxy that registers again',
      happens: (store) => expect(store.code(addProxyCommand(9))).toBe('ALREADY_EXISTED'),
    },
    {
      what: 'a proxy whose report ran out',
      happens: (store) => {
        store.pass(60);
        store.must({ kind: 'purge-failures' });
      },
    },
    {
      what: 'a proxy of a deleted cluster',
      happens: (store) => store.must({ kind: 'delete-cluster', name: DEMO }),
    },
  ])('are tried again with $what', ({ what, happens }) => {
    const store = storeWithCluster(2, 4);
    if (what.includes('failed')) {
      store.must(addProxyCommand(9));
      store.report(9);
      store.must(failoverOf(9));
    } else if (what.includes('report')) {
      store.must(addProxyCommand(9));
      store.report(9);
    } else if (what.includes('deleted')) {
      // Two clusters with a chunk each; the one that is deleted is `demo`, on proxies 1 and 2.
      store.must(addProxyCommand(11));
      store.must(addProxyCommand(12));
      store.must({ kind: 'create-cluster', name: 'other' as typeof DEMO, nodeNumber: 4 });
      expect(store.code(failoverOf(11))).toBe('NO_AVAILABLE_RESOURCE');
      happens(store);
      const chunk = store.state.clusters.get('other' as typeof DEMO)?.chunks[0];
      expect(chunk?.proxyAddresses).toEqual([proxyAt(1), proxyAt(12)]);
      return;
    }
    expect(store.code(failoverOf(1))).toBe('NO_AVAILABLE_RESOURCE');
    happens(store);
    expect(store.chunk().proxyAddresses).toEqual([proxyAt(9), proxyAt(2)]);
    expect(store.state.proxies.get(proxyAt(1))?.cluster).toBeNull();
  });

  test('end when the failed proxy registers again: it stays as the replica', () => {
    const store = storeWithCluster(2, 4);
    store.run(failoverOf(1));
    expect(store.code(addProxyCommand(1))).toBe('ALREADY_EXISTED');
    expect(store.state.failedProxies.size).toBe(0);
    store.must(addProxyCommand(3));
    expect(store.chunk()).toMatchObject({
      proxyAddresses: [proxyAt(1), proxyAt(2)],
      rolePosition: 'SecondChunkMaster',
    });
  });

  test('several are served in order of their addresses', () => {
    const store = storeWithCluster(4, 8);
    const [first, second] = [store.chunk(0).proxyAddresses[0], store.chunk(1).proxyAddresses[0]];
    for (const failed of [second, first]) store.run({ kind: 'failover', address: failed });
    expect(store.state.failedProxies.size).toBe(2);
    store.must(addProxyCommand(5));
    expect(store.state.proxies.get(first)?.cluster).toBeNull();
    expect(store.state.proxies.get(second)?.cluster).toBe(DEMO);
    store.must(addProxyCommand(6));
    expect(store.state.proxies.get(second)?.cluster).toBeNull();
  });
});

describe('failover of a free proxy', () => {
  test('that is reported takes it out of use, without an epoch', () => {
    const store = storeWithCluster(3, 4);
    store.report(3);
    const epochs = store.epochs;
    expect(store.run(failoverOf(3))).toEqual({ ok: true, value: null });
    expect([...store.state.failedProxies]).toEqual([proxyAt(3)]);
    expect(store.state.failures.size).toBe(0);
    expect(store.epochs).toEqual(epochs);
  });

  test('BUG-5: that registered again in the meantime is left alone', () => {
    const store = storeWithCluster(3, 4);
    store.report(3);
    expect(store.code(addProxyCommand(3))).toBe('ALREADY_EXISTED');
    const { state } = store;
    expect(store.run(failoverOf(3))).toEqual({ ok: true, value: null });
    expect(store.state).toBe(state);
  });

  test('that was just replaced stays failed', () => {
    const store = storeWithCluster(3, 4);
    store.must(failoverOf(1));
    store.report(1);
    store.must(failoverOf(1));
    expect([...store.state.failedProxies]).toEqual([proxyAt(1)]);
    expect(store.state.failures.size).toBe(0);
  });
});

describe('ordered mode', () => {
  function orderedStore(): CheckedStore {
    const store = new CheckedStore(emptyStore(true));
    for (let n = 1; n <= 3; n++) store.must(addProxyCommand(n, `pod-${n}`, n - 1));
    store.must({ kind: 'create-cluster', name: DEMO, nodeNumber: 4 });
    return store;
  }

  test('only moves the roles, once', () => {
    const store = orderedStore();
    expect(store.run(failoverOf(1))).toEqual({ ok: true, value: null });
    expect(store.chunk()).toMatchObject({
      rolePosition: 'SecondChunkMaster',
      proxyAddresses: [proxyAt(1), proxyAt(2)],
    });
    expect(store.state.failedProxies.size).toBe(0);
    const { state } = store;
    expect(store.run(failoverOf(1))).toEqual({ ok: true, value: null });
    expect(store.state).toBe(state);
  });

  test('does not move them to a half that is reported', () => {
    const store = orderedStore();
    store.report(2);
    const step = store.step(failoverOf(1));
    expect(step.outcome).toEqual({ ok: true, value: null });
    expect(step.events.map((event) => event.kind)).toEqual(['failover-withheld']);
    expect(store.chunk().rolePosition).toBe('Normal');
  });
});

describe('running migrations', () => {
  const first = address('10.0.1.1:6001');
  const second = address('10.0.1.2:6001');

  test('of the moved part get the new epoch, the others keep theirs', () => {
    const store = expandingStore();
    store.run({ kind: 'failover', address: first });
    expect(store.epochs).toEqual([8, 8]);
    expect(taskEpochs(store)).toEqual([8, 7]);
  });

  test('on the destination side get it too', () => {
    const store = expandingStore();
    store.run({ kind: 'failover', address: address('10.0.1.4:6001') });
    expect(taskEpochs(store)).toEqual([7, 8]);
  });

  test('BUG-3: of both parts get it when the masters change sides', () => {
    const store = expandingStore();
    store.run({ kind: 'failover', address: first });
    expect(store.code({ ...addProxyCommand(1), address: first } as StoreCommand)).toBe(
      'ALREADY_EXISTED',
    );
    store.run({ kind: 'failover', address: second });
    expect(store.chunk(0).rolePosition).toBe('FirstChunkMaster');
    expect(taskEpochs(store)).toEqual([10, 10]);
  });

  test('do not restart with a repeated failover', () => {
    const store = expandingStore();
    store.run({ kind: 'failover', address: first });
    store.run({ kind: 'failover', address: first });
    expect(taskEpochs(store)).toEqual([8, 7]);
  });

  test('BUG-3: get a new epoch when masters are balanced', () => {
    const store = expandingStore();
    store.state = withRoles(store.state, 0, 'SecondChunkMaster');
    store.must({ kind: 'balance', name: DEMO });
    expect(store.chunk(0).rolePosition).toBe('Normal');
    expect(taskEpochs(store)).toEqual([8, 7]);
  });
});

describe('balance', () => {
  const balance: StoreCommand = { kind: 'balance', name: DEMO };

  test('puts masters on both halves again', () => {
    const store = storeWithCluster(3, 4);
    store.must(failoverOf(1));
    store.must(balance);
    expect(store.chunk().rolePosition).toBe('Normal');
  });

  test('LIM-8: changes nothing, not even the epoch, if there is nothing to do', () => {
    const store = storeWithCluster(2, 4);
    const { state } = store;
    store.must(balance);
    expect(store.state).toBe(state);
  });

  test.each(['failed', 'reported'])('leaves chunks with a %s half', (what) => {
    const store = storeWithCluster(2, 4);
    store.run(failoverOf(1));
    if (what === 'reported') {
      store.run(addProxyCommand(1));
      store.report(1);
    }
    store.must(balance);
    expect(store.chunk().rolePosition).toBe('SecondChunkMaster');
  });

  test('LIM-10: leaves replicas that are not in step, and names them', () => {
    const store = storeWithCluster(6, 8);
    store.must(failoverOf(1));
    const [first, second] = [store.chunk(0), store.chunk(1)];
    const moved = first.rolePosition === 'Normal' ? second : first;
    expect(moved.rolePosition).toBe('SecondChunkMaster');
    const { state } = store;
    const [promoted] = moved.nodeAddresses;
    expect(store.run({ ...balance, inStep: [] })).toMatchObject({
      ok: false,
      code: 'PROXY_NOT_SYNC',
      message: expect.stringContaining(promoted) as string,
    });
    expect(store.state).toBe(state);
    store.must({ ...balance, inStep: [promoted] });
    expect(store.chunk(0).rolePosition).toBe('Normal');
    expect(store.chunk(1).rolePosition).toBe('Normal');
  });

  test('of an unknown cluster is refused', () => {
    expect(new CheckedStore().code(balance)).toBe('CLUSTER_NOT_FOUND');
  });
});
