/** A guide as a list of things to do: its code blocks. Pure. */

/** One code block, and the line of the guide that it begins in. */
export type GuideBlock = { readonly line: number } & (
  | { readonly kind: 'run'; readonly script: string; readonly mayFail: boolean }
  /** What the run before it must have printed. */
  | { readonly kind: 'expect'; readonly text: string }
  | { readonly kind: 'write'; readonly file: string; readonly text: string }
  | { readonly kind: 'patch'; readonly file: string; readonly text: string }
  /** A part of package.json that must be there already. */
  | { readonly kind: 'manifest'; readonly text: string }
);

const FENCE = /^(`{3,})(\w*) ?([^\n]*)\n([\s\S]*?)^\1$/gm;

const readBlock = (language: string, flag: string, text: string, line: number): GuideBlock => {
  const unknown = (problem: string): Error =>
    new Error(`The block "${language}" in line ${line} of the guide ${problem}.`);
  switch (language) {
    case 'sh':
      if (flag !== '' && flag !== 'fails') throw unknown(`says "${flag}"; it may say "fails"`);
      return { kind: 'run', script: text, mayFail: flag === 'fails', line };
    case 'text':
      return { kind: 'expect', text, line };
    case 'json':
      return { kind: 'manifest', text, line };
    case 'ts':
    case 'js':
    case 'md': {
      const file = /^(?:\/\/|<!--) (\S+)(?: -->)?\n/.exec(text)?.[1];
      if (file === undefined) throw unknown('does not begin with the name of its file, // src/…');
      return { kind: 'write', file, text, line };
    }
    case 'diff': {
      const [, file, rest] = /^--- (\S+)\n([\s\S]*)$/.exec(text) ?? [];
      if (file === undefined || rest === undefined)
        throw unknown('does not begin with the name of its file, --- src/…');
      return { kind: 'patch', file, text: rest, line };
    }
    default:
      throw unknown('is of no kind that can be followed');
  }
};

/** The code blocks of a guide, in order. Throws where one cannot be followed. */
export const readGuide = (markdown: string): readonly GuideBlock[] =>
  [...markdown.matchAll(FENCE)].map(({ 2: language = '', 3: flag = '', 4: text = '', index }) =>
    readBlock(language, flag.trim(), text, markdown.slice(0, index).split('\n').length),
  );

const lines = (text: string): string[] => text.replace(/\n$/, '').split('\n');

/** Where a run of lines stands, from a line on; -1 where it does not. */
const indexOf = (all: readonly string[], part: readonly string[], from: number): number =>
  all.findIndex((_, at) => at >= from && part.every((line, index) => all[at + index] === line));

/**
 * A text after the changes of a diff without line numbers: hunks are separated by `@@` and follow each other. Throws where a
 * hunk's context is not found.
 */
export const applyDiff = (text: string, diff: string): string => {
  let all = lines(text);
  let from = 0;
  for (const hunk of diff.split(/^@@\n/m)) {
    // An empty line of context may have lost its blank.
    const changes = lines(hunk).map((line) => (line === '' ? ' ' : line));
    const side = (other: string): string[] =>
      changes.filter((line) => !line.startsWith(other)).map((line) => line.slice(1));
    const [before, after] = [side('+'), side('-')];
    const at = indexOf(all, before, from);
    if (at === -1)
      throw new Error(`These lines are not there to be changed:\n${before.join('\n')}`);
    all = [...all.slice(0, at), ...after, ...all.slice(at + before.length)];
    from = at + after.length;
  }
  return `${all.join('\n')}\n`;
};

/** A line without what is different in every run: the width of a table and how long something took. */
const comparable = (line: string): string =>
  line
    .trimEnd()
    .replace(/\(\d+ ms\)$/, '(… ms)')
    .replace(/ (passed|failed|skipped) +\d+$/, ' $1 …')
    .replace(/(?<=\S) {2,}/g, '  ');

/**
 * The first line of what is expected that an output lacks, or undefined. Lines follow each other as they do in the output, but
 * where a line `…` stands for any number of others.
 */
export const missingFrom = (output: string, expected: string): string | undefined => {
  const all = lines(output).map(comparable);
  let from = 0;
  for (const part of expected.split(/^…\n/m)) {
    const wanted = lines(part).map(comparable);
    const at = indexOf(all, wanted, from);
    if (at === -1) return wanted.find((line) => !all.slice(from).includes(line)) ?? wanted[0];
    from = at + wanted.length;
  }
  return undefined;
};
