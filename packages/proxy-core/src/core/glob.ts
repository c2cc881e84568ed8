/**
 * Redis' glob patterns: `*`, `?`, `[abc]`, `[^a-z]`, `\x`. Each character is one byte. Goes back to the last
 * `*` only, so its time is bounded by the product of the lengths.
 */
export function matchesGlob(p: string, t: string): boolean {
  let at = 0;
  let starAt = -1;
  let starText = 0;
  let i = 0;
  while (i < t.length) {
    if (p[at] === '*') {
      starAt = at++;
      starText = i;
      continue;
    }
    const next = matchOne(p, at, t[i] ?? '');
    if (next >= 0) {
      at = next;
      i++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      i = ++starText;
    } else {
      return false;
    }
  }
  while (p[at] === '*') at++;
  return at >= p.length;
}

/** Where the pattern goes on after one character; -1: it does not match. */
function matchOne(p: string, at: number, char: string): number {
  const c = p[at];
  if (c === undefined) return -1;
  if (c === '?') return at + 1;
  if (c === '[') return matchClass(p, at + 1, char);
  if (c === '\\' && at + 1 < p.length) return p[at + 1] === char ? at + 2 : -1;
  return c === char ? at + 1 : -1;
}

/** A class that is never closed ends with the pattern, as in Redis. */
function matchClass(p: string, start: number, char: string): number {
  let at = start;
  const isNegated = p[at] === '^';
  if (isNegated) at++;
  let isIn = false;
  while (at < p.length && p[at] !== ']') {
    if (p[at] === '\\' && at + 1 < p.length) at++;
    const low = p[at] ?? '';
    if (p[at + 1] === '-' && at + 2 < p.length) {
      const high = p[at + 2] ?? '';
      if ((char >= low && char <= high) || (char >= high && char <= low)) isIn = true;
      at += 3;
    } else {
      if (low === char) isIn = true;
      at++;
    }
  }
  return isIn === isNegated ? -1 : Math.min(at + 1, p.length);
}
