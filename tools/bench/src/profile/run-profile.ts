import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchCommand } from '../command-line.ts';
import { describeMachine } from '../machine.ts';
import { buildProxy, proxyFile, REPOSITORY } from '../programs.ts';
import { KEY_COUNT } from '../redis-benchmark.ts';
import { renderText } from '../render.ts';
import type { Section } from '../report.ts';
import { named, workloads } from '../workloads.ts';
import { flameGraph } from './flame-graph.ts';
import { measureProfiles, type Profile, type ProfileLoad } from './measure-profile.ts';
import { chooseEvent, findPerf } from './record.ts';

/** What docs/performance.md tells of. */
const USUAL = ['get-64-c50-p1', 'get-64-c50-p16', 'get-64-c50-p32', 'set-1k-c50-p16', 'reconnect'];
const RECORD_MS = 5000;

/** Runs `bench profile` and returns its exit code. */
export async function runProfile(
  command: Extract<BenchCommand, { readonly kind: 'profile' }>,
): Promise<number> {
  const { isBuilt, isJson, isSplit, only, out } = command;
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const perf = findPerf();
  const event = chooseEvent(perf);
  if (isBuilt) note('building undermoon-proxy');
  const profiles = await measureProfiles({
    program: isBuilt ? buildProxy(REPOSITORY) : proxyFile(REPOSITORY),
    loads: selectLoads(only),
    perf,
    event,
    recordMs: RECORD_MS,
    isSplit,
    keyCount: KEY_COUNT,
    onProgress: ({ name }) => note(name),
  });
  if (isJson) {
    const rows = profiles.map(({ tree: _tree, ...rest }) => rest);
    const report = {
      date: new Date().toISOString(),
      machine: describeMachine(),
      event,
      isSplit,
      rows,
    };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else process.stdout.write(renderText(profiles.map(sectionOf)));
  for (const file of writeGraphs(profiles, out)) note(`flame graph: ${file}`);
  return 0;
}

function selectLoads(only: readonly string[]): readonly ProfileLoad[] {
  const chosen = named(workloads(), only.length > 0 ? only : USUAL);
  const loads = chosen.flatMap(({ name, title, load, shards }): ProfileLoad[] =>
    load.kind === 'flood' && shards === 1 ? [{ name, title, parts: load.parts }] : [],
  );
  if (loads.length > 0) return loads;
  throw new Error(`${only.join(', ')}: only loads at full speed on one Redis can be profiled`);
}

function writeGraphs(profiles: readonly Profile[], folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return profiles.map(({ name, title, tree }) => {
    const file = path.join(folder, `${name}.svg`);
    writeFileSync(file, flameGraph(tree, title));
    return file;
  });
}

function sectionOf({ title, cpuUs, sampleCount, shares }: Profile): Section {
  return {
    title: `${title}: ${cpuUs.toFixed(2)} µs of CPU per request, ${sampleCount} samples`,
    head: ['where', 'part', 'share', 'ns per request'],
    rows: shares.map(({ category, part, share }) => [
      category,
      part ?? '',
      `${(share * 100).toFixed(1)} %`,
      (share * cpuUs * 1000).toFixed(0),
    ]),
  };
}
