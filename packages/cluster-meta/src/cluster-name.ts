/** A cluster's name: 1 to 31 characters out of `A-Z a-z 0-9 @ - _`. "In no cluster" is null, not a name. */
export type ClusterName = string & { readonly __brand: 'ClusterName' };

/** Returns the name, or null when `text` is not one. */
export function parseClusterName(text: unknown): ClusterName | null {
  return typeof text === 'string' && /^[A-Za-z0-9@_-]{1,31}$/.test(text)
    ? (text as ClusterName)
    : null;
}
