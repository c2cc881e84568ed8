import { distance } from 'fastest-levenshtein';

/** The candidate that `word` is most likely a slip of, or null when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(word.toLowerCase(), candidate.toLowerCase());
    if (steps < bestDistance) {
      best = candidate;
      bestDistance = steps;
    }
  }
  return best;
}

/** `, did you mean <quote>x<quote>?` or nothing. */
export function suggestion(word: string, candidates: Iterable<string>, quote: string): string {
  const near = nearest(word, candidates);
  return near === null ? '' : `, did you mean ${quote}${near}${quote}?`;
}
