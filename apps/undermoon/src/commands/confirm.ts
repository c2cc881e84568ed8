import { createInterface } from 'node:readline/promises';

import { usage } from '../command-line.ts';

/** Asks a question on the terminal; only "y" and "yes" agree. Throws a `CommandError` USAGE without a terminal. */
export async function confirm(question: string): Promise<boolean> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw usage('there is no terminal to ask on; --yes agrees');
  // On stderr, so that stdout has the result only.
  const terminal = createInterface({ input: stdin, output: stderr });
  // The end of the input is an answer too.
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
