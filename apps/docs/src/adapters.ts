import type { Package } from './packages.ts';

/** The address of a package's page. */
export const routeOf = ({ folder, port }: Package): string =>
  port === undefined ? `packages/${folder}` : `adapters/${shortNameOf(folder)}`;

/** `redis-bus` for adapter-redis-bus: the name by which people ask for it. */
export const shortNameOf = (folder: string): string => folder.replace(/^adapter-/, '');

/** Adapters by the port that they implement, in alphabetical order. */
export const groupByPort = (packages: readonly Package[]): ReadonlyMap<string, Package[]> => {
  const ports = new Map<string, Package[]>();
  for (const one of packages) {
    if (one.port === undefined) continue;
    ports.set(one.port, [...(ports.get(one.port) ?? []), one]);
  }
  return new Map([...ports].toSorted(([a], [b]) => a.localeCompare(b)));
};

/** The page that lists the adapters. */
export const makeAdapterList = (packages: readonly Package[]): string => {
  const rows = [...groupByPort(packages)].flatMap(([port, adapters]) =>
    adapters.map(
      (one) =>
        `| ${port} | [${one.name}](/${routeOf(one)}) | ${one.description.replaceAll('|', '\\|')} |`,
    ),
  );
  return [
    '# Adapters\n',
    'Each adapter implements one port on one technology. Install those that you need, beside the core.\n',
    '| port | package | what it is |',
    '| --- | --- | --- |',
    ...rows,
    '',
    'Something is missing? [Write an adapter](/guide/write-an-adapter), and prove it with the same contract suite.\n',
  ].join('\n');
};
