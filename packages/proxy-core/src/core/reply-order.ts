/** Receives reply bytes that are due now. */
export interface DueOutput {
  /** `bytes[start, end)` is only valid during the call. */
  onDue(bytes: Uint8Array, start: number, end: number): void;
}

/** What one piece of held output costs beside its bytes, so that many empty ones count too. */
const PIECE_BYTES = 64;

interface Segment<Source> {
  /** Null: replies made by the proxy itself, complete from the start. */
  readonly source: Source | null;
  /** Replies this segment still waits for. */
  left: number;
  /** Bytes that arrived before the segment's turn. */
  readonly early: Uint8Array[];
  /** The last bytes of its source ended within a reply. */
  isCut: boolean;
  /** The next segment of the same source. */
  next: Segment<Source> | null;
}

/** `left` of a segment whose replies have all been given out. */
const PASSED = -1;

/** The segments of one source that still wait for replies. */
interface Chain<Source> {
  open: Segment<Source> | null;
  last: Segment<Source>;
}

/**
 * Puts the replies of one client back into request order when its requests went to more than one place
 * (two backend connections, or a backend and the proxy itself). Each place answers in order, so a segment
 * is "the next n replies of that place". The head segment passes its bytes on at once; bytes of later
 * segments are copied and kept until their turn.
 *
 * A client whose requests all go to one backend never needs this object.
 */
export class ReplyOrder<Source> {
  /** Memory held by replies that wait for their turn. */
  heldBytes = 0;
  #segments: Segment<Source>[] = [];
  #first = 0;
  readonly #chains = new Map<Source, Chain<Source>>();

  /** True when no reply is owed any more. */
  get isEmpty(): boolean {
    return this.#first === this.#segments.length;
  }

  /** What was given out so far ends within a reply. */
  get isCut(): boolean {
    return this.#segments[this.#first]?.isCut === true;
  }

  /** Begins with the replies that a source owes already; `isCut`: a part of the first was given out. */
  begin(source: Source, count: number, isCut: boolean): void {
    this.expect(source, count);
    const head = this.#segments[this.#first];
    if (head !== undefined) head.isCut = isCut;
  }

  /**
   * Expects `count` more replies of `source`, after everything expected so far. Replies of one segment may
   * arrive together; those of two segments must be passed to `accept` one segment at a time.
   */
  expect(source: Source, count: number): void {
    const chain = this.#chains.get(source);
    if (chain !== undefined && this.continues(source)) {
      chain.last.left += count;
      chain.open ??= chain.last;
      return;
    }
    const segment: Segment<Source> = { source, left: count, early: [], isCut: false, next: null };
    this.#segments.push(segment);
    this.#link(source, segment);
  }

  /** Whether replies of `source` expected next would belong to the last segment. */
  continues(source: Source): boolean {
    const last = this.isEmpty ? undefined : this.#segments.at(-1);
    // After `reassign` the last one may not be the last that its source answers.
    return last !== undefined && this.#chains.get(source)?.last === last;
  }

  /** Queues a reply of the proxy itself. The bytes are kept, not copied. */
  pushLocal(bytes: Uint8Array): void {
    const last = this.isEmpty ? undefined : this.#segments.at(-1);
    if (last?.source === null) last.early.push(bytes);
    else this.#segments.push({ source: null, left: 0, early: [bytes], isCut: false, next: null });
    this.heldBytes += bytes.length + PIECE_BYTES;
  }

  /**
   * Takes bytes that `source` sent for this client: `completed` whole replies, followed by a part of the next
   * if `isCut`. Gives `output` that is now due.
   */
  accept(
    source: Source,
    chunk: { bytes: Uint8Array; start: number; end: number; completed: number; isCut: boolean },
    output: DueOutput,
  ): void {
    const chain = this.#openChain(source);
    const segment = chain.open!;
    if (segment === this.#segments[this.#first]) output.onDue(chunk.bytes, chunk.start, chunk.end);
    else {
      segment.early.push(copyOf(chunk.bytes, chunk.start, chunk.end));
      this.heldBytes += chunk.end - chunk.start + PIECE_BYTES;
    }
    segment.isCut = chunk.isCut;
    segment.left -= chunk.completed;
    if (segment.left < 0) throw new Error('a backend sent more replies than requested');
    if (segment.left === 0) chain.open = segment.next;
    this.#advance(output);
  }

  /**
   * Passes on a frame that `source` sent between its replies: behind those before it, ahead of those after it.
   * The bytes are kept, not copied.
   */
  pushBehind(source: Source, frame: Uint8Array, output: DueOutput): void {
    const chain = this.#chains.get(source);
    const segment = chain?.open ?? chain?.last ?? null;
    const head = this.#segments[this.#first];
    if (segment !== null && segment.left !== PASSED && segment !== head) {
      segment.early.push(frame);
      this.heldBytes += frame.length + PIECE_BYTES;
    } else if (segment !== head && this.isCut) this.pushLocal(frame);
    else output.onDue(frame, 0, frame.length);
  }

  // Cold path: after a loss.
  /**
   * The last `places.length` replies of `source` come from elsewhere, where they are asked for in this order: from
   * another source, or they are known. Gives `output` what is now due and returns how many are known.
   */
  reassign(source: Source, places: readonly (Source | Uint8Array)[], output: DueOutput): number {
    const old = this.#ofChain(source);
    let keptCount = old.reduce((sum, { left }) => sum + left, 0) - places.length;
    if (keptCount < 0) throw new Error('a backend owes fewer replies than are to be moved');
    let next = 0;
    const replaced = new Map<Segment<Source>, Segment<Source>[]>();
    this.#chains.delete(source);
    for (const segment of old) {
      const movedCount = Math.max(0, segment.left - keptCount);
      keptCount = Math.max(0, keptCount - segment.left);
      segment.left -= movedCount;
      segment.next = null;
      if (segment.left > 0) this.#link(source, segment);
      replaced.set(segment, this.#segmentsOf(places.slice(next, next + movedCount)));
      next += movedCount;
    }
    this.#segments = this.#segments
      .slice(this.#first)
      .flatMap((segment) => [segment, ...(replaced.get(segment) ?? [])]);
    this.#first = 0;
    this.#advance(output);
    return places.filter((place) => place instanceof Uint8Array).length;
  }

  /** The segments of a source that wait for replies, in the order in which it answers. */
  #ofChain(source: Source): Segment<Source>[] {
    const segments: Segment<Source>[] = [];
    let segment = this.#chains.get(source)?.open ?? null;
    for (; segment !== null; segment = segment.next) segments.push(segment);
    return segments;
  }

  #segmentsOf(places: readonly (Source | Uint8Array)[]): Segment<Source>[] {
    const segments: Segment<Source>[] = [];
    for (const place of places) {
      const last = segments.at(-1);
      if (place instanceof Uint8Array) {
        if (last?.source === null) last.early.push(place);
        else segments.push({ source: null, left: 0, early: [place], isCut: false, next: null });
        this.heldBytes += place.length + PIECE_BYTES;
      } else if (last?.source === place) last.left++;
      else {
        const segment = { source: place, left: 1, early: [], isCut: false, next: null };
        this.#link(place, segment);
        segments.push(segment);
      }
    }
    return segments;
  }

  /** Its source answers this segment last. */
  #link(source: Source, segment: Segment<Source>): void {
    const chain = this.#chains.get(source);
    if (chain === undefined) this.#chains.set(source, { open: segment, last: segment });
    else {
      chain.last.next = segment;
      chain.last = segment;
      chain.open ??= segment;
    }
  }

  #openChain(source: Source): Chain<Source> {
    const chain = this.#chains.get(source);
    if (chain !== undefined && chain.open !== null) return chain;
    throw new Error('a backend sent a reply that nobody waits for');
  }

  #advance(output: DueOutput): void {
    while (this.#first < this.#segments.length) {
      const head = this.#segments[this.#first]!;
      for (const bytes of head.early) {
        this.heldBytes -= bytes.length + PIECE_BYTES;
        output.onDue(bytes, 0, bytes.length);
      }
      head.early.length = 0;
      if (head.left > 0) break;
      head.left = PASSED;
      this.#first++;
    }
    if (this.isEmpty) {
      this.#segments = [];
      this.#first = 0;
    } else if (this.#first > 1024) {
      this.#segments = this.#segments.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** A Buffer's own `slice` would share the memory of the read buffer. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}
