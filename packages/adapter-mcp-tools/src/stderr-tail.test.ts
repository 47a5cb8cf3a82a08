import { expect, test } from 'vitest';
import { makeStderrTail } from './stderr-tail.ts';

test('keeps the last 8 KiB, however much comes', () => {
  const tail = makeStderrTail([]);
  for (let count = 0; count < 1_000; count += 1) tail.add(`${count} ${'x'.repeat(1_000)}\n`);
  expect(tail.text().length).toBeLessThanOrEqual(8_192);
  expect(tail.text()).toMatch(/999 x+$/);
});

test('never gives away a secret, not even one that the cut would halve', () => {
  const secret = 'sk-abcdefghijklmnopqrstuvwxyz';
  for (let shift = 0; shift <= secret.length; shift += 1) {
    const tail = makeStderrTail([secret, 'short-one']);
    tail.add(`${'-'.repeat(50)}short-one ${secret}`);
    tail.add('x'.repeat(8_192 - shift));
    expect(tail.text()).not.toMatch(/[a-w]{2}|[yz]/);
  }
});
