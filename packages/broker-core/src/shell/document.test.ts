import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { JsonDocument } from './document.ts';

test.each([0, 1, 500, 1000, 1021, 1022, 1023, 5000, 100_000])(
  'a document of %d characters is gzip that says the same',
  async (length) => {
    const text = 'äx'.repeat(length).slice(0, length);
    const document = new JsonDocument(text);
    const compressed = await document.compressed();
    expect(gunzipSync(compressed).equals(document.json)).toBe(true);
    // A copy that was begun before is the same one.
    expect(await document.compressed()).toBe(compressed);
  },
);

test('documents with the same content have the same tag', () => {
  expect(new JsonDocument({ a: 1 }).tag).toBe(new JsonDocument({ a: 1 }).tag);
  expect(new JsonDocument({ a: 1 }).tag).not.toBe(new JsonDocument({ a: 2 }).tag);
});
