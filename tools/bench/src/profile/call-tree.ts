import type { StackSample } from './perf-script.ts';

/** A function as called from one chain of callers, with the samples in it and in what it called. */
export interface CallNode {
  readonly name: string;
  readonly origin: string;
  weight: number;
  readonly children: Map<string, CallNode>;
}

/** The root of an empty tree. */
export function emptyTree(): CallNode {
  return newNode('all', '');
}

/** Adds a sample to a tree: equal stacks fall together. */
export function addSample(root: CallNode, { frames, weight }: StackSample): void {
  root.weight += weight;
  let node = root;
  for (const { symbol, origin } of frames.toReversed()) {
    const child = node.children.get(symbol) ?? newNode(symbol, origin);
    node.children.set(symbol, child);
    child.weight += weight;
    node = child;
  }
}

function newNode(name: string, origin: string): CallNode {
  return { name, origin, weight: 0, children: new Map() };
}
