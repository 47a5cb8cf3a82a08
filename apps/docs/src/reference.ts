import type { Package } from './packages.ts';

/** `pantheon-core/memory`: an entry without the scope that all have. */
export const entryNameOf = (entry: string): string => entry.replace(/^@promethean\//, '');

/** The address of an entry's page, as typedoc names its file. */
export const referenceOf = (entry: string): string =>
  `/api/${entryNameOf(entry).replaceAll('/', '.')}`;

/** The page that lists what can be imported. */
export const makeReferenceList = (packages: readonly Package[]): string => {
  const rows = packages.flatMap(({ entries, description }) =>
    [...entries.keys()].map((entry, index) => {
      const text = index === 0 ? description : 'a subpath of it';
      return `| [${entry}](${referenceOf(entry)}) | ${text.replaceAll('|', '\\|')} |`;
    }),
  );
  return [
    '# API reference\n',
    'Every export of every package, from the comments in its sources.\n',
    '| import from | what it is |',
    '| --- | --- |',
    ...rows,
    '',
  ].join('\n');
};
