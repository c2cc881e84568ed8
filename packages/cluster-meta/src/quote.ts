const SHOWN_LENGTH_MAX = 64;

/** A foreign word as it may appear in a message: quoted, control characters escaped, cut to a bounded length. */
export function quote(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, SHOWN_LENGTH_MAX))}… (${text.length} characters)`;
}
