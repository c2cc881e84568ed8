/** What needs open files, of the options of a proxy. */
export interface FileUse {
  readonly clientsMax: number;
  readonly dedicatedConnectionsMax: number;
  readonly backendConnNum: number;
  readonly backendConnNumLarge: number;
}

/** What the runtime has open, ports, connections that are refused, and some to spare. */
const OWN_FILES = 64;
/** Connections to servers: two of them, each with connections for RESP2 and RESP3, and as many to other proxies. */
const BACKEND_SETS = 8;
/** Part of the rest that is for clients which need a connection to a server for themselves. */
const DEDICATED_SHARE = 1 / 4;

/**
 * How many clients, and connections for single clients, there may be where a process may have `openFilesMax` files
 * open: without any left, connections to the Redis servers could not be made either.
 */
export function fitOpenFiles(
  use: FileUse,
  openFilesMax: number,
): Pick<FileUse, 'clientsMax' | 'dedicatedConnectionsMax'> {
  const lanes = Math.max(use.backendConnNum, use.backendConnNumLarge);
  const room = Math.max(2, openFilesMax - OWN_FILES - BACKEND_SETS * lanes);
  const dedicatedRoom = Math.max(1, Math.floor(room * DEDICATED_SHARE));
  const dedicatedConnectionsMax = Math.min(use.dedicatedConnectionsMax, dedicatedRoom);
  const clientsMax = Math.min(use.clientsMax, room - dedicatedConnectionsMax);
  return { clientsMax, dedicatedConnectionsMax };
}

/** The number in `/proc/self/limits`; Infinity if there is none. */
export function parseOpenFilesMax(text: string): number {
  const [, digits] = /^Max open files +(\d+) /m.exec(text) ?? [];
  return digits === undefined ? Number.POSITIVE_INFINITY : Number(digits);
}
