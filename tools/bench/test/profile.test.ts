import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { addSample, emptyTree, type CallNode } from '../src/profile/call-tree.ts';
import { placeOf } from '../src/profile/classify.ts';
import { flameGraph } from '../src/profile/flame-graph.ts';
import { readPerfScript, type StackSample } from '../src/profile/perf-script.ts';
import { ShareCounter } from '../src/profile/shares.ts';

const RECORDED = readFileSync(new URL('fixtures/perf-script.txt', import.meta.url), 'utf8');
const MODULES = new Map([
  [
    'cli.js',
    [
      { line: 14_000, module: 'session-commands' },
      { line: 14_500, module: 'dispatcher' },
    ],
  ],
]);

async function samplesOf(text: string): Promise<StackSample[]> {
  const samples: StackSample[] = [];
  for await (const sample of readPerfScript(text.split('\n'))) samples.push(sample);
  return samples;
}

function stack(...frames: readonly (readonly [string, string])[]): StackSample {
  return {
    thread: 'node',
    weight: 1,
    frames: frames.map(([symbol, origin]) => ({ symbol, origin })),
  };
}

const NODE = '/usr/bin/node';
const KERNEL = '[kernel.kallsyms]';
const LIBC = '/usr/lib/x86_64-linux-gnu/libc.so.6';

it('reads recorded stacks', async () => {
  const samples = await samplesOf(RECORDED);
  expect(samples).toHaveLength(RECORDED.match(/^node /gm)?.length ?? 0);
  expect(samples.every(({ weight }) => weight === 500_250)).toBe(true);
  expect(samples.every(({ frames }) => frames.length > 0)).toBe(true);
  expect(samples[0]?.frames.at(-1)).toEqual({ symbol: '__libc_start_call_main', origin: LIBC });
});

it('refuses what perf does not print', async () => {
  await expect(samplesOf('node\n')).rejects.toThrow('no sample begins with "node"');
  await expect(samplesOf('node 1 5\n\tnot a frame\n')).rejects.toThrow('"\tnot a frame"');
});

it('knows the place of every recorded stack', async () => {
  const places = (await samplesOf(RECORDED)).map((sample) => placeOf(sample, MODULES));
  expect(places.map(({ category, part }) => `${category}: ${part}`)).toMatchSnapshot();
});

it('names a system call by its caller in libc, or else by the kernel', () => {
  const entry = ['do_syscall_64', KERNEL] as const;
  expect(
    [
      stack(['tcp_sendmsg', KERNEL], entry, ['__GI___libc_write', LIBC]),
      stack(['ep_poll', KERNEL], entry, ['epoll_pwait', LIBC]),
      stack(['tcp_recvmsg', KERNEL], ['ksys_read', KERNEL], entry, ['[unknown]', '[unknown]']),
      stack(['fput', KERNEL], ['__x64_sys_close', KERNEL], entry, ['syscall', LIBC]),
      stack(['asm_sysvec_apic_timer_interrupt', KERNEL], ['JS:*scan file:///x.js:1:1', 'p.map']),
    ].map((sample) => placeOf(sample, MODULES)),
  ).toEqual(
    ['write', 'epoll_pwait', 'read', 'close', 'interrupts and the rest'].map((part) => {
      return { category: 'kernel', part };
    }),
  );
});

it('tells collection and compilation from the code that they interrupt', () => {
  const script = ['JS:*dispatch file:///cli.js:14530:18', '/tmp/perf-1.map'] as const;
  const collector = ['v8::internal::Scavenger::Process', NODE] as const;
  expect(placeOf(stack(collector, script), MODULES).category).toBe('garbage collection');
  expect(placeOf(stack(['memcpy', LIBC], collector, script), MODULES).category).toBe(
    'garbage collection',
  );
  const compiler = ['v8::internal::compiler::PipelineImpl::Run', NODE] as const;
  expect(placeOf(stack(['malloc', LIBC], compiler), MODULES).category).toBe('compiler');
  expect(placeOf(stack(script), MODULES)).toEqual({
    category: 'our code',
    part: 'dispatcher: dispatch',
  });
  expect(placeOf(stack(['JS:*x node:internal/timers:1:1', 'p.map']), MODULES)).toEqual({
    category: 'code of Node.js in JavaScript',
    part: 'node:internal/timers',
  });
});

it('adds up shares', () => {
  const counter = new ShareCounter(MODULES);
  const write = stack(['tcp_sendmsg', KERNEL], ['write', LIBC]);
  const read = stack(['tcp_recvmsg', KERNEL], ['read', LIBC]);
  const script = stack(['JS:*dispatch file:///cli.js:14530:18', '/tmp/perf-1.map']);
  for (const sample of [write, write, { ...read, weight: 0.1 }, script]) counter.add(sample);
  const total = 3.1;
  expect(counter.shares(0.05)).toEqual([
    { category: 'kernel', part: null, share: 2.1 / total },
    { category: 'kernel', part: 'write', share: 2 / total },
    { category: 'our code', part: null, share: 1 / total },
  ]);
});

it('folds stacks into one tree and draws it', async () => {
  const root = emptyTree();
  const samples = await samplesOf(RECORDED);
  for (const sample of samples) addSample(root, sample);
  expect(root.weight).toBe(samples.length * 500_250);
  expect([...root.children.keys()]).toEqual(['__libc_start_call_main', 'epoll_pwait']);
  expectSums(root);

  const picture = flameGraph(root, 'a < b');
  expect(picture).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="1400"/);
  expect(picture).toContain('>a &lt; b</text>');
  expect(picture).toContain('<title>node::Start (91.67 %)</title>');
  expect(picture).toContain('JS:*dispatch');
  expect(picture).not.toMatch(/<title>[^<]*<[^/]/);
  // Every box lies within the picture, and the root is as wide as it is.
  const boxes = [...picture.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g)];
  expect(boxes.some(([, , , width]) => width === '1400.0')).toBe(true);
  for (const [, x, y, width] of boxes) {
    expect(Number(x) + Number(width)).toBeLessThanOrEqual(1400.2);
    expect(Number(y)).toBeGreaterThanOrEqual(0);
  }
});

function expectSums({ weight, children }: CallNode): void {
  const below = [...children.values()];
  expect(below.reduce((sum, child) => sum + child.weight, 0)).toBeLessThanOrEqual(weight);
  for (const child of below) expectSums(child);
}
