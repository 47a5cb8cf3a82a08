/** What a release does to each package, and what of it would hurt a user. Pure. */
import { satisfies } from 'semver';

/** A package before and after. Ranges are as they are written in the repository, with `workspace:`. */
export interface PlannedPackage {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** The range of the core that it has as a peer, before and after; undefined where it has none. */
  readonly peerFrom?: string | undefined;
  readonly peerTo?: string | undefined;
  /** Whether a changeset names it; otherwise it is released because of what it depends on. */
  readonly isNamed: boolean;
}

export type Kind = 'none' | 'patch' | 'minor' | 'major';

const CORE = '@promethean/pantheon-core';
const UMBRELLA = '@promethean/pantheon';
const ORDER: readonly Kind[] = ['none', 'patch', 'minor', 'major'];

/** By how much a version rises. */
export const kindOf = (from: string, to: string): Kind => {
  const [before, after] = [from, to].map((version) => version.split('.').map(Number));
  const index = [0, 1, 2].findIndex((part) => before?.[part] !== after?.[part]);
  return (['major', 'minor', 'patch'] as const)[index] ?? 'none';
};

/** The kind that tells users of this version to look before they update: at 0.x it is a minor. */
const breakingKind = (version: string): Kind => (version.startsWith('0.') ? 'minor' : 'major');

/** What is wrong with a release, one sentence each. */
export const releaseProblems = (packages: readonly PlannedPackage[]): readonly string[] => {
  const problems: string[] = [];
  const atLeast = (a: Kind, b: Kind): boolean => ORDER.indexOf(a) >= ORDER.indexOf(b);
  const core = packages.find(({ name }) => name === CORE);
  for (const { name, from, to, peerFrom, peerTo, isNamed } of packages) {
    const kind = kindOf(from, to);
    const isBreaking = atLeast(kind, breakingKind(from));
    if (isBreaking && !isNamed) problems.push(`${name} gets a ${kind} that no changeset asks for.`);
    if (core === undefined) continue;
    if (
      name === UMBRELLA &&
      atLeast(kindOf(core.from, core.to), breakingKind(core.from)) &&
      !isBreaking
    )
      problems.push(
        `${name} exports what ${CORE} exports: the changeset of a breaking ${CORE} names both.`,
      );
    const range = rangeOf(peerTo, core.to);
    if (range !== undefined && !satisfies(core.to, range))
      problems.push(`${name} ${to} does not accept ${CORE} ${core.to}; its range is ${range}.`);
    const narrowed = range !== undefined && peerFrom !== undefined && !satisfies(core.from, range);
    if (narrowed && !isBreaking)
      problems.push(
        `${name} ${to} no longer accepts ${CORE} ${core.from}, so that "npm update" fails where that is installed: it needs a ${breakingKind(from)}.`,
      );
  }
  return problems;
};

/** The range as it is published: `workspace:^` takes the version of the core. */
const rangeOf = (written: string | undefined, core: string): string | undefined => {
  const range = written?.replace('workspace:', '');
  if (range === '^' || range === '~') return range + core;
  return range === '*' ? core : range;
};

/** A table for people. */
export const releaseTable = (packages: readonly PlannedPackage[]): readonly string[] => {
  const rows = packages.map(({ name, from, to, peerTo }) => [
    name.replace('@promethean/', ''),
    from === to ? from : `${from} -> ${to}`,
    kindOf(from, to),
    peerTo?.replace('workspace:', '') ?? '',
  ]);
  const all = [['package', 'version', 'kind', 'core as a peer'], ...rows];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};
