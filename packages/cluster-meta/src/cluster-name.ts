/** A cluster's name: 1 to 31 characters out of `A-Z a-z 0-9 @ - _`. "In no cluster" is null, not a name. */
export type ClusterName = string & { readonly __brand: 'ClusterName' };

/** Returns the name, or null when `value` is not one. */
export function parseClusterName(value: unknown): ClusterName | null {
  return isClusterName(value) ? value : null;
}

function isClusterName(value: unknown): value is ClusterName {
  return typeof value === 'string' && /^[A-Za-z0-9@_-]{1,31}$/.test(value);
}
