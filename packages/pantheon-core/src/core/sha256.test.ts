import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { sha256 } from './sha256.ts';

const hostSha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('digests of texts of every length around the edges of blocks are those of the host', () => {
  const text = 'ä€🙂 kettle\u0000\n%41'.repeat(40);
  for (let length = 0; length < 260; length += 1) {
    const part = text.slice(0, length).toWellFormed();
    expect(sha256(part)).toBe(hostSha256(part));
  }
});

test('a long text has the digest of the host', () => {
  const text = 'x'.repeat(300_000);
  expect(sha256(text)).toBe(hostSha256(text));
});
