import type { BenchError } from './errors.ts';
import type { Progress } from './rounds.ts';

/** Tells on stderr that a sample could not be taken. */
export function printFailure(name: string, error: BenchError): void {
  process.stderr.write(`\n${name} failed: ${error.message.trim()}\n`);
}

/** Tells on stderr how far a run is: in place on a terminal, else a line per tenth. */
export function progressPrinter(stream: NodeJS.WriteStream): (progress: Progress) => void {
  const startedAt = performance.now();
  let lastTenth = -1;
  return ({ round, done, total, name }) => {
    const share = done / total;
    const secondsLeft = ((performance.now() - startedAt) / 1000) * (1 / share - 1);
    const left = done === 0 ? '' : `, about ${Math.ceil(secondsLeft)} s left`;
    const line = `${Math.floor(share * 100)} %  round ${round + 1}  ${name}${left}`;
    if (stream.isTTY) {
      stream.write(`\r\u001B[K${line}`);
      if (done + 1 === total) stream.write('\r\u001B[K');
    } else if (Math.floor(share * 10) > lastTenth) {
      lastTenth = Math.floor(share * 10);
      stream.write(`${line}\n`);
    }
  };
}
