import { PassThrough } from 'node:stream';

import { expect, it } from 'vitest';

import { LiveScreen } from './live-screen.ts';

const ESCAPE = '\u001B[';
const CLEAR_DOWN = `${ESCAPE}0J`;
const PARTS = new RegExp(`(${ESCAPE.replace('[', '\\[')}(?:\\d+A|0J)|[\r\n])`);

/** A terminal that shows what was written to it, as far as these tests need it. */
class Terminal extends PassThrough {
  readonly columns = 20;
  readonly rows = 5;
  readonly lines: string[] = [''];

  override write(text: string): boolean {
    for (const part of text.split(PARTS)) this.#put(part);
    return true;
  }

  #put(part: string): void {
    if (part.startsWith(ESCAPE) && part.endsWith('A')) this.#cursor -= Number(part.slice(2, -1));
    else if (part === CLEAR_DOWN) this.lines.splice(this.#cursor, Infinity, '');
    else if (part === '\n') this.lines[(this.#cursor += 1)] ??= '';
    else if (part !== '\r' && part !== '') this.lines[this.#cursor] = part;
  }

  #cursor = 0;
}

function screenOf(terminal: Terminal): LiveScreen {
  return new LiveScreen(terminal as unknown as NodeJS.WriteStream);
}

it('draws over what it drew, and keeps what is printed above', () => {
  const terminal = new Terminal();
  const screen = screenOf(terminal);
  screen.draw(['one', 'two', 'three']);
  screen.draw(['uno', 'dos']);
  expect(terminal.lines).toEqual(['uno', 'dos', '']);
  screen.printAbove('news');
  expect(terminal.lines).toEqual(['news', 'uno', 'dos', '']);
  screen.draw(['eins']);
  expect(terminal.lines).toEqual(['news', 'eins', '']);
});

it('cuts what would not fit', () => {
  const terminal = new Terminal();
  const screen = screenOf(terminal);
  screen.draw(['x'.repeat(50), '\u001B[32mgreen\u001B[0m', 'c', 'd', 'e', 'f']);
  expect(terminal.lines).toEqual(['x'.repeat(19), '\u001B[32mgreen\u001B[0m', 'c', 'd', '']);
});
