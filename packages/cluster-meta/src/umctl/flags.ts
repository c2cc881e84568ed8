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
  // Searched, not split: the word may be a megabyte of commas.
  return {
    force: /(?:^|,)force(?:,|$)/i.test(word),
    compress: /(?:^|,)compress(?:,|$)/i.test(word),
  };
}
