import { Buffer } from 'node:buffer';

const LINE_END = 0x0a;

/** UMFORWARD hops command…: a whole command as another proxy gets it that may send it on so many times. */
export function passedCommand(command: Buffer, hopsMax: number): Buffer {
  const wordsAt = command.indexOf(LINE_END) + 1;
  const count = Number(command.toString('latin1', 1, wordsAt - 2));
  const hops = String(hopsMax);
  const head = `*${count + 2}\r\n$9\r\nUMFORWARD\r\n$${hops.length}\r\n${hops}\r\n`;
  return Buffer.concat([Buffer.from(head), command.subarray(wordsAt)]);
}
