import { describe, expect, it } from 'vitest';
import { startLocalCluster } from '../src/local-cluster.ts';
import { portOf } from '../src/running-cluster.ts';
import { runTool, type ToolRun } from '../src/run-tool.ts';
import { useCluster } from './use-cluster.ts';

const running = useCluster(() => startLocalCluster({ port: 26250, flags: ['--spare', '0'] }));

function port(index = 0): string {
  return String(portOf(running().proxies[index]?.address ?? ''));
}

function redisCli(...argv: readonly string[]): Promise<ToolRun> {
  return runTool('redis-cli', argv, { timeoutMs: 20_000 });
}

describe('tools of Redis', { timeout: 90_000 }, () => {
  it('redis-cli -c follows redirections from any proxy', async () => {
    for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) {
      const set = await redisCli('-c', '-p', port(index % 2), 'set', key, `value ${index}`);
      expect(set).toEqual({ code: 0, stdout: 'OK\n', stderr: '' });
      for (const proxy of [0, 1]) {
        const get = await redisCli('-c', '-p', port(proxy), 'get', key);
        expect(get).toEqual({ code: 0, stdout: `value ${index}\n`, stderr: '' });
      }
    }
  });

  it('redis-cli without -c shows the redirection', async () => {
    const answers = await Promise.all(
      [0, 1].map((index) => redisCli('-p', port(index), 'get', 'a')),
    );
    const texts = answers.map(({ stdout }) => stdout.trim()).toSorted();
    expect(texts[0]).toMatch(/^MOVED 15495 127\.0\.0\.1:\d+$/);
    expect(texts[1]).toBe('value 0');
  });

  it('redis-cli --cluster check finds all slots covered', async () => {
    const { code, stdout, stderr } = await redisCli('--cluster', 'check', `127.0.0.1:${port()}`);
    expect(stdout).toContain('[OK] All nodes agree about slots configuration.');
    expect(stdout).toContain('[OK] All 16384 slots covered.');
    expect(stdout.match(/ 8192 slots \| 1 (?:slaves|replicas)\./g)).toHaveLength(2);
    expect(stdout.match(/^S: /gm)).toHaveLength(2);
    expect(stdout).not.toContain('[ERR]');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('redis-benchmark --cluster runs to its end without a warning', async () => {
    const flags = ['-t', 'get,set', '-n', '200000', '-c', '50', '-P', '16', '-q'];
    const { code, stdout, stderr } = await runTool(
      'redis-benchmark',
      ['--cluster', '-p', port(), ...flags],
      { timeoutMs: 80_000 },
    );
    const results = [...stdout.matchAll(/(GET|SET): ([\d.]+) requests per second/g)];
    console.info(results.map(([text]) => text).join('; '));
    expect(new Set(results.map(([, command]) => command))).toEqual(new Set(['GET', 'SET']));
    expect(`${stdout}${stderr}`).not.toMatch(/error|warn|fail|could not|MOVED|CLUSTERDOWN/i);
    expect(stdout).toContain('Cluster has 2 master nodes:');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
