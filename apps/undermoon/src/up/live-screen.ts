import { stripVTControlCharacters } from 'node:util';

const CLEAR_DOWN = '\u001B[0J';
const LINE_UP = (count: number): string => (count > 0 ? `\u001B[${count}A\r` : '\r');

/** A region at the end of a terminal's output that is drawn again in place. */
export class LiveScreen {
  readonly #stream: NodeJS.WriteStream;
  #drawn: readonly string[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Draws the lines in place of those drawn last. */
  draw(lines: readonly string[]): void {
    // A line that wraps, or a region higher than the terminal, could not be drawn over.
    const { columns, rows } = this.#stream;
    const shown = lines.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, columns));
    if (shown.length === this.#drawn.length && shown.every((line, i) => line === this.#drawn[i]))
      return;
    this.#stream.write(
      `${LINE_UP(this.#drawn.length)}${CLEAR_DOWN}${shown.map((line) => `${line}\n`).join('')}`,
    );
    this.#drawn = shown;
  }

  /** Prints a line above the region. */
  printAbove(text: string): void {
    const kept = this.#drawn;
    this.#stream.write(`${LINE_UP(kept.length)}${CLEAR_DOWN}${text}\n`);
    this.#drawn = [];
    this.draw(kept);
  }
}

function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length < columns ? line : plain.slice(0, columns - 1);
}
