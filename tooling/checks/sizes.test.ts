import { expect, test } from 'vitest';
import { growthProblems, type Size, sizeLine, updated } from './sizes.ts';

const size: Size = { packedBytes: 40_960, files: 12, bundledBytes: 20_480, importMs: 3 };

test('a line has the figures, and those before where they differ', () => {
  expect(sizeLine(undefined, size)).toBe(
    '40.0 KiB packed, 20.0 KiB bundled, 12 files, import 3 ms',
  );
  expect(sizeLine(size, size)).toBe('40.0 KiB packed, 20.0 KiB bundled, 12 files, import 3 ms');
  expect(sizeLine(size, { ...size, packedBytes: 51_200, files: 13 })).toBe(
    '40.0 KiB -> 50.0 KiB packed, 20.0 KiB bundled, 12 -> 13 files, import 3 ms',
  );
});

test.each<[string, Partial<Size>]>([
  ['nothing', {}],
  ['a tenth', { packedBytes: 45_056, bundledBytes: 22_528 }],
  ['another time of import', { importMs: 300 }],
  ['less', { packedBytes: 1, bundledBytes: 1, files: 1 }],
])('a growth by %s passes', (_, now) => {
  expect(growthProblems({ a: size }, { a: { ...size, ...now } })).toEqual([]);
});

test('a small package may grow by a kibibyte', () => {
  const small = { ...size, packedBytes: 2_000 };
  expect(growthProblems({ a: small }, { a: { ...small, packedBytes: 3_024 } })).toEqual([]);
  expect(growthProblems({ a: small }, { a: { ...small, packedBytes: 3_025 } })).toHaveLength(1);
});

test.each<[string, Record<string, Size>, RegExp]>([
  [
    'a larger tarball',
    { a: { ...size, packedBytes: 45_057 } },
    /^a: grew from 40\.0 KiB to 44\.0 KiB packed; where this is meant: pnpm check:packages --update$/,
  ],
  ['a larger bundle', { a: { ...size, bundledBytes: 22_529 } }, /^a: grew .* bundled; /],
  ['a new package', { a: size, b: size }, /^b: sizes\.json does not know it; /],
  ['a package that is gone', {}, /^a: sizes\.json knows it, and there is no such package; /],
])('%s is told', (_, now, problem) => {
  expect(growthProblems({ a: size }, now)).toEqual([expect.stringMatching(problem)]);
});

test('an update leaves alone what only another clock would change', () => {
  const slower = { ...size, importMs: 9 };
  const larger = { ...slower, packedBytes: 41_000 };
  expect(updated({ a: size, b: size, gone: size }, { a: slower, b: larger, c: size })).toEqual({
    a: size,
    b: larger,
    c: size,
  });
});
