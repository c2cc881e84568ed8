import { describe, expect, test } from 'vitest';
import {
  byteErrorReply,
  errorReply,
  quotedBytes,
  unknownCommandReply,
  unknownSubcommandReply,
} from './replies.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('errors that quote a client', () => {
  test('show its bytes as they came, up to the first NUL', () => {
    expect(unknownCommandReply([bytes('g\0t'), bytes('\xff\xc3')]).toString('latin1')).toBe(
      "-ERR unknown command 'g', with args beginning with: '\xff\xc3' \r\n",
    );
    expect(unknownSubcommandReply([bytes('client'), bytes('\xe9')]).toString('latin1')).toBe(
      "-ERR unknown subcommand '\xe9'. Try CLIENT HELP.\r\n",
    );
    expect(quotedBytes(bytes('abc'), 2)).toBe('ab');
    expect(quotedBytes(undefined)).toBe('');
  });

  test('show 128 bytes of arguments, the last of them cut', () => {
    const reply = unknownCommandReply([
      bytes('x'),
      bytes('a'.repeat(100)),
      bytes('b'.repeat(100)),
      bytes('c'),
    ]);
    const shown = `'${'a'.repeat(100)}' '${'b'.repeat(25)}' `;
    expect(reply.toString()).toBe(
      `-ERR unknown command 'x', with args beginning with: ${shown}\r\n`,
    );
  });

  test('have no line breaks: blanks inside, nothing at the end', () => {
    expect(errorReply('ERR a\r\nb\r\n').toString()).toBe('-ERR a  b\r\n');
    expect(byteErrorReply('ERR \xff\n').toString('latin1')).toBe('-ERR \xff\r\n');
  });
});
