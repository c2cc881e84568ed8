import { readFileSync } from 'node:fs';
import { fitOpenFiles, parseOpenFilesMax } from '../core/client-room.ts';
import type { ProxyOptions } from '../options.ts';

/** How many files this process may have open; Infinity where the system does not say it in a file. */
export function openFilesMax(): number {
  try {
    return parseOpenFilesMax(readFileSync('/proc/self/limits', 'latin1'));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** The same options with no more clients than there are files for, and a warning if these are fewer than wanted. */
export function withRoomForClients(options: ProxyOptions): ProxyOptions {
  const filesMax = openFilesMax();
  const fitting = fitOpenFiles(options, filesMax);
  const wanted = { clientsMax: options.clientsMax, dedicated: options.dedicatedConnectionsMax };
  if (
    fitting.clientsMax < wanted.clientsMax ||
    fitting.dedicatedConnectionsMax < wanted.dedicated
  ) {
    const { clientsMax, dedicatedConnectionsMax } = fitting;
    options.logger.warn(
      { openFilesMax: filesMax, clientsMax, dedicatedConnectionsMax, wanted },
      'fewer clients than wanted: the process may not open more files',
    );
  }
  return { ...options, ...fitting };
}
