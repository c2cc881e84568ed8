const LINES = 15;

/** The end of a log. */
export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LINES).join('\n');
}
