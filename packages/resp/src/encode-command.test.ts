import { expect, it } from 'vitest';
import { encodeCommand } from './encode-command.ts';

it('encodes strings as UTF-8 and bytes as they are', () => {
  const bytes = encodeCommand(['SET', 'clé', Buffer.of(0, 13, 10, 255), '']);
  expect(bytes.toString('latin1')).toBe(
    '*4\r\n$3\r\nSET\r\n$4\r\ncl\xc3\xa9\r\n$4\r\n\x00\r\n\xff\r\n$0\r\n\r\n',
  );
});

it('refuses an empty command', () => {
  expect(() => encodeCommand([])).toThrow(RangeError);
});
