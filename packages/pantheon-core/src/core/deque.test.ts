import { describe, expect, test } from 'vitest';
import { Deque } from './deque.ts';

const filled = (...items: readonly number[]): Deque<number> => {
  const deque = new Deque<number>();
  for (const item of items) deque.push(item);
  return deque;
};

describe('a deque', () => {
  test('gives its items in the order in which they came', () => {
    const deque = filled(1, 2);
    expect(deque.shift()).toBe(1);
    deque.push(3);
    expect([deque.first, deque.length]).toEqual([2, 2]);
    expect(deque.drain()).toEqual([2, 3]);
    expect(deque.shift()).toBeUndefined();
  });

  test.each([1, 2, 3, 4])('without %i, it keeps the order of the others', (gone) => {
    const deque = filled(0, 1, 2, 3, 4);
    deque.shift();
    expect(deque.remove(gone)).toBe(true);
    expect(deque.remove(gone)).toBe(false);
    expect(deque.drain()).toEqual([1, 2, 3, 4].filter((item) => item !== gone));
  });

  test('knows nothing any more of what it gave away', () => {
    const deque = filled(1, 2, 3);
    deque.shift();
    expect(deque.find((item) => item === 1)).toBeUndefined();
    expect(deque.remove(1)).toBe(false);
    expect(deque.find((item) => item > 1)).toBe(2);
  });
});
