import type { BackendConnection, ReplySink } from './backend-connection.ts';

const TEXT_BYTES_MAX = 4_194_304;

/** Takes one short reply to a command that no client sent in this form. */
export class ReplyText implements ReplySink {
  readonly owner = null;
  readonly isOwnWork: boolean;
  readonly #onText: (text: string | null) => void;
  #text = '';

  /**
   * `onText` gets the reply without its line end, cut at 4 MiB; null: it will not come. `isOwnWork`: no client's
   * reply is made of it.
   */
  constructor(onText: (text: string | null) => void, isOwnWork = true) {
    this.isOwnWork = isOwnWork;
    this.#onText = onText;
  }

  onReplyBytes(
    _source: BackendConnection,
    bytes: Buffer,
    start: number,
    end: number,
    completed: number,
  ): void {
    const room = TEXT_BYTES_MAX - this.#text.length;
    this.#text += bytes.toString('latin1', start, Math.min(end, start + room));
    if (completed === 0) return;
    this.#onText(this.#text.endsWith('\r\n') ? this.#text.slice(0, -2) : this.#text);
  }

  onReplyLoss(): void {
    this.#onText(null);
  }

  onBackendRoom(): void {}
}
