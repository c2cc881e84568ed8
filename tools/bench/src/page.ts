import { OTHER_CORES_MAX } from './disturbance.ts';
import { renderMarkdown } from './render.ts';
import type { Section } from './report.ts';
import type { ProxyReport } from './proxy-report.ts';
import type { Workload } from './workloads.ts';

/** The text of docs/benchmarks.md. */
export function benchmarksPage(
  report: ProxyReport,
  workloads: readonly Workload[],
  sections: readonly Section[],
): string {
  return `# Benchmarks

${introduction(report)}

${METHOD}

${renderMarkdown(sections)}
## Workloads

| name | what it is |
| --- | --- |
${workloads.map(({ name, title }) => `| ${name} | ${title} |`).join('\n')}
`;
}

function introduction({ date, machine, versions, rounds, isQuick }: ProxyReport): string {
  const { cpu, cores, memoryBytes, system, kernel } = machine;
  const others = versions.nutcracker === null ? '' : `, nutcracker ${versions.nutcracker}`;
  return `\`pnpm bench proxy${isQuick ? ' --quick' : ''} --write\` wrote this page on ${date.slice(0, 10)}.

- Machine: ${cpu}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GiB; ${system}, Linux ${kernel}
- Versions: undermoon ${versions.undermoon}, Node.js ${versions.node}, Redis ${versions.redis}${others}, redis-benchmark ${versions.redisBenchmark}
- Rounds: ${rounds}`;
}

const METHOD = `## Method

Figures are medians over the rounds; ± is half of what the rounds lie apart. Ratios are taken within each round, and
their median is given. In a round, all targets of a workload
are measured one after the other, beginning with another one each time, with processes that are new in each round and
warmed up. Compare figures of one run only.

- _Pinned_: the proxy has one core, Redis and the load share another. _Free_: the kernel decides.
- µs per request are user and system time of the process, all threads, as the kernel counts them.
- Full speed is \`redis-benchmark\` with 100,000 random keys. undermoon and nutcracker run with their defaults, which
  are two connections to each Redis and one; \`direct\` is Redis without a proxy, \`redis-cluster\` a cluster of one node.
- \`direct\` is the most that \`redis-benchmark\` gets out of one core: it has one thread, which shares its core with Redis. A
  proxy may have more, as Redis then reads and writes less often. Where nothing reaches the goal of \`reconnect\`, Redis
  without a proxy neither, the ratio to nutcracker is judged instead. Its samples are 10,000 connections: after some more, the kernel spends most of
  the load's core on finding free ports.
- At a fixed rate, requests leave in groups every 250 µs whatever the replies do, and the clock of each starts when it
  was due. So a stall counts for all requests that fell into it. A
  sample consists of four slices, those of all targets in turn.
- Bytes per connection are resident memory of the process with idle connections that made one request each, less that
  before, divided by their number. Memory of the kernel is not in it.
- A sample during which other processes and the hypervisor took more than ${OTHER_CORES_MAX} of a core is disturbed,
  and so is one at a fixed rate that the load generator could not keep. Further rounds make up for them,
  for rows that say too little, and for those whose goal lies _between_.
- _Between_ is where the ratio surely is: a median outside of it has a probability of 3.5 % at most on either side, by the sign test. A
  goal gets its verdict when its limit is not in between, or when that is narrow enough for the median to
  count. There is none with too few undisturbed samples, or when the rounds lie too far apart around the limit.
`;
