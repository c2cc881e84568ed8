/**
 * The reply in which every integer is the least of those in its place, of replies in one form: text without
 * the last line end. An error among them comes first.
 */
export function leastOf(replies: readonly string[]): string {
  const [first = ''] = replies;
  const error = replies.find((reply) => reply.startsWith('-'));
  if (error !== undefined) return error;
  const columns = replies.map((reply) =>
    [...reply.matchAll(/^:(-?\d+)/gm)].map(([, n]) => Number(n)),
  );
  let place = -1;
  return first.replaceAll(/^:-?\d+/gm, () => {
    place++;
    return `:${Math.min(...columns.map((numbers) => numbers[place] ?? 0))}`;
  });
}
