// The fields of INFO and CONFIG that tools read are those of a Redis server.
import type { RawClient } from '@undermoon/testkit';
import { expect, test } from 'vitest';
import { startTwins } from './reference.ts';

/** Fields that redis-cli --stat, exporters and clients look at. */
const FIELDS =
  'redis_version redis_mode arch_bits multiplexing_api process_id run_id tcp_port uptime_in_seconds executable config_file io_threads_active connected_clients blocked_clients maxclients used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak used_memory_peak_human total_system_memory maxmemory maxmemory_human maxmemory_policy loading async_loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_bgsave_status aof_enabled aof_rewrite_in_progress total_connections_received total_commands_processed total_net_input_bytes total_net_output_bytes rejected_connections total_error_replies pubsub_channels pubsub_patterns role connected_slaves master_replid master_repl_offset repl_backlog_active used_cpu_sys used_cpu_user cluster_enabled'.split(
    ' ',
  );

async function fieldsOf(client: RawClient): Promise<Map<string, string>> {
  const reply = await client.command('INFO', 'everything');
  const text = 'value' in reply ? String(reply.value) : '';
  const pairs = text.split('\r\n').map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1)];
  });
  return new Map(pairs);
}

test('INFO has the fields that tools read, in the form of Redis', async () => {
  const twins = await startTwins();
  const [proxied, direct] = await twins.connect();
  const [here, there] = [await fieldsOf(proxied), await fieldsOf(direct)];
  expect(FIELDS.filter((field) => !there.has(field))).toEqual([]);
  expect(FIELDS.filter((field) => !here.has(field))).toEqual([]);
  const shapeOf = (text = ''): string => text.replaceAll(/\d+(\.\d+)?/g, '#');
  for (const field of FIELDS) {
    if (/redis_version|multiplexing_api|executable|run_id|replid|_human/.test(field)) continue;
    expect(`${field}:${shapeOf(here.get(field))}`).toBe(`${field}:${shapeOf(there.get(field))}`);
  }
  expect(here.get('run_id')).toMatch(/^[0-9a-f]{40}$/);
  for (const name of ['maxmemory-policy', 'maxmemory', 'databases', 'save', 'maxclients']) {
    const reply = await proxied.command('CONFIG', 'GET', name);
    expect(reply).toMatchObject({ items: [{ value: Buffer.from(name) }, {}] });
  }
  await Promise.all([proxied.close(), direct.close()]);
  await twins.stop();
});
