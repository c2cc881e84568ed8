/** The flags word of SETCLUSTER and SETREPL. */
export interface CommandFlags {
  readonly force: boolean;
  readonly compress: boolean;
}

/** `NOFLAG`, `FORCE`, `COMPRESS` or `FORCE,COMPRESS`. */
export function encodeFlags({ force, compress }: CommandFlags): string {
  if (force) return compress ? 'FORCE,COMPRESS' : 'FORCE';
  return compress ? 'COMPRESS' : 'NOFLAG';
}

/** Reads a comma list in any case. Words other than FORCE and COMPRESS are ignored, as peers may add some. */
export function parseFlags(word: string): CommandFlags {
  const flags = word.split(',');
  return {
    force: flags.some((flag) => /^force$/i.test(flag)),
    compress: flags.some((flag) => /^compress$/i.test(flag)),
  };
}
