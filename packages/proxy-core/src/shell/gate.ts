/**
 * Where the control loop tells another loop that something changed, at the cost of one comparison per chunk:
 * a loop that finds another number in `word` than it has seen calls `pass` before it routes anything. The
 * only loop of a proxy has a gate that never changes.
 */
export class Gate {
  /** One number that the control loop raises after it has sent a message. */
  readonly word: Int32Array;
  /** The number of the last message that was taken. */
  seen = 0;
  readonly #takeMessages: () => void;

  /** `takeMessages` takes, at once, what was sent, and sets `seen`. */
  constructor(word: Int32Array = new Int32Array(1), takeMessages: () => void = () => undefined) {
    this.word = word;
    this.#takeMessages = takeMessages;
  }

  pass(): void {
    this.#takeMessages();
  }
}
