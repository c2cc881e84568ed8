/** `host:port`, the host being a name, an IPv4 address, or an IPv6 address in brackets. */
export type NodeAddress = string & { readonly __brand: 'NodeAddress' };

// Addresses are printed into replies and logs, so blanks and control characters are refused.
const ADDRESS = /^(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\s\p{C}:[\]]+):(?<port>\d{1,5})$/u;
const ADDRESS_LENGTH_MAX = 300;
const PORT_MAX = 65_535;

/** Returns the address, or null when `value` is not one. */
export function parseNodeAddress(value: unknown): NodeAddress | null {
  return isNodeAddress(value) ? value : null;
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

function isNodeAddress(value: unknown): value is NodeAddress {
  if (typeof value !== 'string' || value.length > ADDRESS_LENGTH_MAX) return false;
  const port = ADDRESS.exec(value)?.groups?.['port'];
  return port !== undefined && Number(port) <= PORT_MAX;
}
