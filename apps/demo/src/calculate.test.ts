import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calculate } from './calculate.ts';

describe('calculate', () => {
  test.each([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['2 ^ 3 ^ 2', 512],
    ['-2 ^ 2', -4],
    ['2 ** -1', 0.5],
    ['7 % 4 - .5', 2.5],
    ['--3', 3],
    ['1e3/4', 250],
    ['10 - 4 - 3', 3],
  ])('%s = %d', (expression, value) => {
    expect(calculate(expression)).toBe(value);
  });

  test.each([
    ['', 'the expression ends too early'],
    ['1 +', 'the expression ends too early'],
    ['1 2', '"2" stands where the expression should end'],
    ['(1', 'a parenthesis is not closed'],
    ['* 2', '"*" stands where a number should'],
    ['process.exit()', 'is not a number, an operator or a parenthesis'],
    ['1 / 0', 'division by zero'],
    ['9 ^ 999', 'the result is too large'],
    ['('.repeat(501), 'more than 500 characters'],
  ])('%s: %s', (expression, message) => {
    expect(() => calculate(expression)).toThrow(message);
  });

  test('agrees with the host on random sums and products', () => {
    const number = fc.integer({ min: -99, max: 99 });
    const operator = fc.constantFrom('+', '-', '*');
    fc.assert(
      fc.property(number, fc.array(fc.tuple(operator, number), { maxLength: 8 }), (first, rest) => {
        const text = rest.reduce((so, [op, n]) => `${so} ${op} (${n})`, `(${first})`);
        // The text is made of these numbers and operators only.
        expect(calculate(text)).toBe(new Function(`return ${text}`)());
      }),
    );
  });
});
