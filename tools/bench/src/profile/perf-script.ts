/** One step of a call stack. */
export interface Frame {
  readonly symbol: string;
  /** The file that the code came from, or what perf calls it: "[kernel.kallsyms]", "/tmp/perf-1.map". */
  readonly origin: string;
}

/** What the CPU was doing at one moment. */
export interface StackSample {
  readonly thread: string;
  /** How much the sample counts: time, or cycles. */
  readonly weight: number;
  /** The innermost call first. */
  readonly frames: readonly Frame[];
}

/** The fields that `perf script` has to print for the reader below. */
export const SCRIPT_FIELDS = 'comm,tid,period,ip,sym,dso';

const HEAD = /^(\S.*?)\s+\d+\s+(\d+)\s*$/;
const FRAME = /^\s+[0-9a-f]+ (.*) \((.*)\)$/;

/** Reads the output of `perf script -F SCRIPT_FIELDS`, line by line. Throws on a line of another form. */
export async function* readPerfScript(
  lines: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<StackSample> {
  let head: Pick<StackSample, 'thread' | 'weight'> | null = null;
  let frames: Frame[] = [];
  for await (const line of lines) {
    if (line.trim() === '') {
      if (head !== null && frames.length > 0) yield { ...head, frames };
      head = null;
      frames = [];
    } else if (head === null) head = headOf(line);
    else frames.push(frameOf(line));
  }
  if (head !== null && frames.length > 0) yield { ...head, frames };
}

function headOf(line: string): Pick<StackSample, 'thread' | 'weight'> {
  const [, thread, weight] = HEAD.exec(line) ?? [];
  if (thread === undefined) throw new Error(`perf script: no sample begins with "${line}"`);
  return { thread, weight: Number(weight) };
}

function frameOf(line: string): Frame {
  const [, symbol, origin] = FRAME.exec(line) ?? [];
  if (symbol === undefined || origin === undefined) {
    throw new Error(`perf script: no frame looks like "${line}"`);
  }
  return { symbol, origin };
}
