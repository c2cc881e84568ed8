import { lowerBoundOfMedian, median, spread } from '../statistics.ts';
import type { MicroFigures } from './micro-figures.ts';

/** One case over the rounds. */
export interface MicroRow {
  readonly name: string;
  /** The median over the rounds. */
  readonly ns: number;
  /** (max - min) / median. */
  readonly spread: number;
  /** Null without a base, or when the base has no such case. */
  readonly against: MicroComparison | null;
}

/** Head against base, from pairs of processes that ran one after the other. */
export interface MicroComparison {
  readonly baseNs: number;
  /** 0.1: head takes 10 % longer. */
  readonly loss: number;
  /** What the loss surely is, given how the rounds vary; null when there are too few of them. */
  readonly sureLoss: number | null;
  readonly isLost: boolean;
}

/** What both sides measured in one round. */
export interface MicroRound {
  readonly head: MicroFigures;
  readonly base: MicroFigures | null;
}

/** How code lies in memory changes small loops by a few per cent. */
const TOLERANCE = 0.05;
const ERROR_PROBABILITY = 0.02;

/** Sums up the rounds, in the order of the cases. */
export function microRows(rounds: readonly MicroRound[]): readonly MicroRow[] {
  const names = [...(rounds[0]?.head.keys() ?? [])];
  return names.map((name) => {
    const values = rounds.flatMap(({ head }) => head.get(name) ?? []);
    const against = compare(name, rounds);
    return { name, ns: median(values), spread: spread(values), against };
  });
}

function compare(name: string, rounds: readonly MicroRound[]): MicroComparison | null {
  const pairs = rounds.flatMap(({ head, base }) => {
    const own = head.get(name);
    const other = base?.get(name);
    return own === undefined || other === undefined ? [] : [{ own, other }];
  });
  if (pairs.length === 0) return null;
  const losses = pairs.map(({ own, other }) => own / other - 1);
  const sureLoss = lowerBoundOfMedian(losses, ERROR_PROBABILITY);
  return {
    baseNs: median(pairs.map(({ other }) => other)),
    loss: median(losses),
    sureLoss,
    isLost: sureLoss !== null && sureLoss > TOLERANCE,
  };
}
