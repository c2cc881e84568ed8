/** A small seeded generator, so that a run can be repeated from its printed seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Seed of this run: RESP_SEED when set, else another one each time. */
export function runSeed(): number {
  const given = process.env['RESP_SEED'];
  return given === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(given);
}

/** Every way to cut the bytes in two, then the bytes one by one, then random cuts. */
export function* cutsOf(bytes: Buffer, random: () => number): Generator<Buffer[]> {
  yield [bytes];
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  for (let run = 0; run < 20; run++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const next = Math.min(bytes.length, at + 1 + Math.floor(random() * 20));
      pieces.push(bytes.subarray(at, next));
      at = next;
    }
    yield pieces;
  }
}

/**
 * A copy whose bytes are readable only up to `end` and behind which lie bytes that would change the
 * result if they were looked at.
 */
export function followedBy(bytes: Uint8Array, tail: string): Buffer {
  return Buffer.concat([bytes, Buffer.from(tail, 'latin1')]);
}
