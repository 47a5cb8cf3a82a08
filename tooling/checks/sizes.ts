/** The sizes of our packages, beside those of the last release. Pure. */

/** The size of a package. */
export interface Size {
  /** Of the tarball. */
  readonly packedBytes: number;
  /** In the tarball. */
  readonly files: number;
  /** Of all its own code, minified and compressed. */
  readonly bundledBytes: number;
  /** What the import of its first entry takes longer than that of an empty module. It differs between machines, and is no gate. */
  readonly importMs: number;
}

/** By the folder of a package. */
export type Sizes = Readonly<Record<string, Size>>;

const UPDATE = 'pnpm check:packages --update';
const GROWTH = 1.1;
/** A growth by less is no news, however small the package is. */
const SLACK_BYTES = 1_024;
const GATES = { packedBytes: 'packed', bundledBytes: 'bundled' } as const;

/** Bytes as a person reads them. */
export const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;

/** One line about a package, with its size before where that was another one. */
export const sizeLine = (before: Size | undefined, now: Size): string => {
  const change = (was: string | undefined, is: string): string =>
    was === undefined || was === is ? is : `${was} -> ${is}`;
  const bytes = (field: keyof typeof GATES): string =>
    change(before && kib(before[field]), kib(now[field]));
  return [
    `${bytes('packedBytes')} packed`,
    `${bytes('bundledBytes')} bundled`,
    `${change(before && String(before.files), String(now.files))} files`,
    `import ${change(before && String(before.importMs), String(now.importMs))} ms`,
  ].join(', ');
};

/** Which packages grew more than nobody noticing allows, one sentence each. */
export const growthProblems = (before: Sizes, now: Sizes): readonly string[] => {
  const problems: string[] = [];
  for (const [name, size] of Object.entries(now)) {
    const was = before[name];
    if (was === undefined) {
      problems.push(`${name}: sizes.json does not know it; ${UPDATE}`);
      continue;
    }
    for (const [field, word] of Object.entries(GATES) as readonly [keyof typeof GATES, string][]) {
      const limit = Math.max(was[field] * GROWTH, was[field] + SLACK_BYTES);
      if (size[field] > limit)
        problems.push(
          `${name}: grew from ${kib(was[field])} to ${kib(size[field])} ${word}; where this is meant: ${UPDATE}`,
        );
    }
  }
  for (const name of Object.keys(before))
    if (now[name] === undefined)
      problems.push(`${name}: sizes.json knows it, and there is no such package; ${UPDATE}`);
  return problems;
};

/** What sizes.json is to say: a package whose bytes are what they were keeps its line, so that no clock makes a change of the file. */
export const updated = (before: Sizes, now: Sizes): Sizes =>
  Object.fromEntries(
    Object.entries(now).map(([name, size]) => {
      const was = before[name];
      const isSame =
        was !== undefined &&
        was.packedBytes === size.packedBytes &&
        was.files === size.files &&
        was.bundledBytes === size.bundledBytes;
      return [name, isSame ? was : size];
    }),
  );
