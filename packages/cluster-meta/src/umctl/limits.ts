/** Bounds on what a sender of metadata may claim. */
export interface UmctlLimits {
  /** Words of one command or of one INFOMGR element. */
  readonly wordsMax: number;
  /** Bytes of a COMPRESS payload after inflating. Its base64 text may be at most twice as long. */
  readonly inflatedBytesMax: number;
  /** Addresses that one SETCLUSTER, or peers that one SETREPL, may name. */
  readonly nodesMax: number;
}

/**
 * Room for every slot in an item of its own on both sides of a migration (16 words and 1,024 bytes for
 * each of the 16,384 slots).
 */
export const DEFAULT_UMCTL_LIMITS: UmctlLimits = {
  wordsMax: 16 * 16_384,
  inflatedBytesMax: 16 * 1024 * 1024,
  nodesMax: 10_000,
};
