import { moduleOfLine, type BuiltModules } from './built-modules.ts';
import type { Frame, StackSample } from './perf-script.ts';

/** Whose code ran. */
export type Category =
  | 'kernel'
  | 'our code'
  | 'code of Node.js in JavaScript'
  | 'V8 builtins'
  | 'Node.js and libuv'
  | 'garbage collection'
  | 'compiler'
  | 'libc'
  | 'other';

/** Where a sample counts: a category, and a part of it (a system call, a module, a library). */
export interface Place {
  readonly category: Category;
  readonly part: string;
}

const JAVASCRIPT = /^(?:JS|LazyCompile|Function|Script|Eval):[*~^+']?(.*)$/;
const SCRIPT_LINE = /(\S+):(\d+):\d+$/;
const SYSTEM_CALL = /^(?:k|__|__(?:x64|arm64)_)sys_(\w+)$/;
const LIBC_CALL = /^_*(?:GI_+)?(?:libc_)?([a-z]\w*)$/;
const LIBC = /^lib(?:c|m|pthread|stdc\+\+)[.-]|^\[vdso\]$/;
const GARBAGE =
  /Scaveng|MarkCompact|MarkingVisitor|Sweeper|CollectGarbage|ConcurrentMarking|GCTracer/;
const COMPILER =
  /OptimizingCompile|v8::internal::(?:compiler|maglev|interpreter::Bytecode)|TurboFan/;

/** Tells where a sample counts, by its innermost call and what that was called from. */
export function placeOf({ frames }: StackSample, modules: BuiltModules): Place {
  const [leaf] = frames;
  if (leaf === undefined) return { category: 'other', part: 'no stack' };
  if (isKernel(leaf)) return { category: 'kernel', part: systemCallOf(frames) };
  const symbols = frames.map(({ symbol }) => symbol);
  if (symbols.some((symbol) => GARBAGE.test(symbol))) {
    return { category: 'garbage collection', part: 'all' };
  }
  if (symbols.some((symbol) => COMPILER.test(symbol))) return { category: 'compiler', part: 'all' };
  return javaScriptPlace(leaf, modules) ?? nativePlace(leaf);
}

function javaScriptPlace({ symbol }: Frame, modules: BuiltModules): Place | null {
  const name = JAVASCRIPT.exec(symbol)?.[1];
  if (name === undefined) return null;
  const [, file = '', line = '0'] = SCRIPT_LINE.exec(name) ?? [];
  if (file.startsWith('node:')) return { category: 'code of Node.js in JavaScript', part: file };
  const module = moduleOfLine(modules, file.slice(file.lastIndexOf('/') + 1), Number(line)) ?? file;
  const own = name.split(' ')[0] ?? '';
  return { category: 'our code', part: `${module}: ${own === '' ? '(anonymous)' : own}` };
}

function nativePlace(frame: Frame): Place {
  const { symbol } = frame;
  if (symbol.startsWith('Builtins_')) {
    const isInterpreter = symbol.endsWith('Handler') || symbol.includes('Interpreter');
    return { category: 'V8 builtins', part: isInterpreter ? 'interpreter' : symbol.slice(9) };
  }
  const file = fileOf(frame);
  if (file === 'node') return { category: 'Node.js and libuv', part: familyOf(symbol) };
  if (LIBC.test(file)) return { category: 'libc', part: LIBC_CALL.exec(symbol)?.[1] ?? symbol };
  return { category: 'other', part: file };
}

function familyOf(symbol: string): string {
  if (symbol.startsWith('uv_')) return 'libuv';
  const [namespace] = /^(?:node|v8::internal|v8)(?=::)/.exec(symbol) ?? [];
  return namespace ?? 'other';
}

function isKernel({ origin }: Frame): boolean {
  return (
    origin.startsWith('[kernel') || origin.startsWith('[guest.kernel') || /\.ko\b/.test(origin)
  );
}

/** The system call that a sample in the kernel belongs to: that of libc's function that was called last. */
function systemCallOf(frames: readonly Frame[]): string {
  const caller = frames.find((frame) => !isKernel(frame));
  const name = LIBC_CALL.exec(caller?.symbol ?? '')?.[1];
  // libuv makes some calls by their number.
  const isNamed = name !== undefined && name !== 'syscall';
  if (caller !== undefined && LIBC.test(fileOf(caller)) && isNamed) return name;
  for (const { symbol } of frames.filter(isKernel)) {
    const call = SYSTEM_CALL.exec(symbol)?.[1];
    if (call !== undefined) return call;
  }
  return 'interrupts and the rest';
}

function fileOf({ origin }: Frame): string {
  return origin.slice(origin.lastIndexOf('/') + 1);
}
