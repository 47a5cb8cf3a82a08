import { describe, expect, test } from 'vitest';
import { readArguments, usage } from './arguments.ts';

const workloads = ['w1', 'w2'];
const read = (...words: string[]): ReturnType<typeof readArguments> =>
  readArguments(words, workloads);

describe('the command line of the benchmarks', () => {
  test('asks for everything when it says nothing', () => {
    expect(read()).toEqual({
      only: undefined,
      quick: false,
      peers: false,
      json: undefined,
      writeDocs: false,
    });
  });

  test('names what it wants', () => {
    expect(read('--only', 'w1,w2', '--quick', '--json', 'a.json')).toMatchObject({
      only: ['w1', 'w2'],
      quick: true,
      json: 'a.json',
    });
  });

  test.each(['--help', '-h'])('asks for help with %s', (word) => {
    expect(read(word)).toBe('help');
    expect(usage(workloads)).toContain('--only w1,w2');
  });

  test.each([
    [['--fast'], /'--fast'/],
    [['w1'], /'w1'/],
    [['--only'], /--only/],
    [['--only', 'w1,w9'], /--only takes w1, w2, not "w9"/],
    [['--only', ''], /not ""/],
    [['--write-docs', '--quick'], /takes a whole run/],
  ])('is told what is wrong with %j, in a sentence', (words, problem) => {
    expect(read(...words)).toEqual({ problem: expect.stringMatching(problem) as string });
  });
});
