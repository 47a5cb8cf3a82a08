import { describe, expect, test } from 'vitest';
import { frozenCopy } from './frozen-copy.ts';

describe('a frozen copy', () => {
  test('cannot be changed in depth, and leaves the original as it is', () => {
    const original = { a: { b: [1] } };
    const copy = frozenCopy(original, 'option-invalid', 'It');
    expect(copy).toEqual(original);
    expect(Object.isFrozen(copy.a.b)).toBe(true);
    expect(Object.isFrozen(original)).toBe(false);
  });

  test('of what is no plain data throws the code that was asked for', () => {
    expect(() => frozenCopy({ f: () => 1 }, 'tool-invalid', 'The tool')).toThrow(
      expect.objectContaining({ code: 'tool-invalid', message: 'The tool must be plain data.' }),
    );
  });
});
