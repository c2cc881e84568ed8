import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proxyMeta } from '../../test/arbitraries.ts';
import { valueOf } from '../../test/outcomes.ts';
import { FREE_PROXY, MEMBER_PROXY } from '../../test/worked-example.ts';
import { DEFAULT_CLUSTER_CONFIG } from '../cluster-config.ts';
import { parseProxyJson } from '../json/proxy.ts';
import { setClusterOf, setReplOf } from './of-proxy-meta.ts';
import { encodeSetCluster, parseSetCluster } from './set-cluster.ts';
import { encodeSetRepl, parseSetRepl } from './set-repl.ts';

describe('commands for a proxy', () => {
  it('carry its masters only, and every peer', () => {
    const command = setClusterOf(valueOf(parseProxyJson(MEMBER_PROXY)));
    expect(command.local.map(({ address }) => address)).toEqual(['10.0.1.1:7001']);
    expect(command.peers.map(({ slots }) => slots.length)).toEqual([1, 1, 0]);
    expect(command).toMatchObject({ epoch: 7, force: false, clusterName: 'demo' });
  });

  it('make the nodes of a free proxy stand-alone masters with the default configuration', () => {
    const free = valueOf(parseProxyJson(FREE_PROXY));
    expect(setClusterOf(free).config).toEqual(DEFAULT_CLUSTER_CONFIG);
    const nodes = free.nodes.map((node) => ({
      ...node,
      role: 'replica' as const,
      peers: [{ nodeAddress: node.address, proxyAddress: node.proxyAddress }],
    }));
    expect(setReplOf({ ...free, nodes }).entries).toEqual(setReplOf(free).entries);
    expect(setReplOf(free).entries[0]).toMatchObject({ role: 'master', peers: [] });
  });

  it('name masters before replicas', () => {
    const member = valueOf(parseProxyJson(MEMBER_PROXY));
    const { entries } = setReplOf({ ...member, nodes: member.nodes.toReversed() });
    expect(entries.map(({ role }) => role)).toEqual(['master', 'replica']);
  });

  it('may be forced', () => {
    const member = valueOf(parseProxyJson(MEMBER_PROXY));
    expect(setClusterOf(member, { force: true }).force).toBe(true);
    expect(setReplOf(member, { force: true }).force).toBe(true);
  });

  it('are read by the proxy as they are, for any metadata', () => {
    fc.assert(
      fc.property(proxyMeta, fc.boolean(), (meta, force) => {
        const command = setClusterOf(meta, { force });
        const plain = valueOf(parseSetCluster(encodeSetCluster(command, { compress: false })));
        const packed = valueOf(parseSetCluster(encodeSetCluster(command, { compress: true })));
        expect(plain).toEqual(packed);
        expect(plain).toMatchObject({ epoch: meta.epoch, force, clusterName: meta.clusterName });
        const repl = setReplOf(meta, { force });
        expect(valueOf(parseSetRepl(encodeSetRepl(repl)))).toEqual(repl);
      }),
    );
  });
});
