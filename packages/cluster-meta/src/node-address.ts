/** `host:port`, the host being a name, an IPv4 address, or an IPv6 address in brackets. */
export type NodeAddress = string & { readonly __brand: 'NodeAddress' };

const ADDRESS = /^(\[[0-9A-Fa-f:.%]+\]|[^\s:[\]]+):(\d{1,5})$/;
const ADDRESS_LENGTH_MAX = 300;

/** Returns the address, or null when `text` is not one. */
export function parseNodeAddress(text: unknown): NodeAddress | null {
  if (typeof text !== 'string' || text.length > ADDRESS_LENGTH_MAX) return null;
  const match = ADDRESS.exec(text);
  if (match === null || Number(match[2]) > 65_535) return null;
  return text as NodeAddress;
}

/** The host without the brackets of an IPv6 address. */
export function hostOf(address: NodeAddress): string {
  const host = address.slice(0, address.lastIndexOf(':'));
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

/** The port. */
export function portOf(address: NodeAddress): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
