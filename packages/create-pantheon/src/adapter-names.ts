import { Problem } from './problem.ts';

/** The ports that an adapter can be made for. All but `log` have a contract suite. */
export const adapterPorts = [
  'bus',
  'context',
  'journal',
  'lease',
  'llm',
  'log',
  'scheduler',
  'state',
  'tools',
] as const;

/** One of `adapterPorts`. */
export type AdapterPort = (typeof adapterPorts)[number];

/** What an adapter and its parts are called. */
export interface AdapterNames {
  /** The package: `pantheon-adapter-file-bus`. */
  readonly name: string;
  readonly port: AdapterPort;
  /** The technology in a file's name: `file`, `dynamo-db`. */
  readonly tech: string;
  /** The module of the factory: `file-bus`. */
  readonly file: string;
  /** The technology in an identifier: `File`, `DynamoDb`. */
  readonly Tech: string;
  /** The technology in a sentence: `File`, `Dynamo Db`. */
  readonly title: string;
}

/** Reads the names off what the user typed. Throws a `Problem`. */
export const adapterNames = (typed: string, port: string): AdapterNames => {
  const known = adapterPorts.find((one) => one === port);
  if (known === undefined)
    throw new Problem(
      `There is no port "${port}".`,
      `Give one of ${adapterPorts.join(', ')}, as in --port bus.`,
    );
  const [, scope = '', bare = ''] = /^(@[^/]+\/)?(.*)$/.exec(typed) ?? [];
  const tech = bare.replace(/^pantheon-adapter-/, '').replace(new RegExp(`(^|-)${known}$`), '');
  // It becomes a part of identifiers, of a file's name and of the package's name.
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(tech))
    throw new Problem(
      `"${typed}" does not name a technology.`,
      `Give it in small letters before the port, such as redis-${known}.`,
    );
  const words = tech.split('-').map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`);
  return {
    name: `${scope}pantheon-adapter-${tech}-${known}`,
    port: known,
    tech,
    file: `${tech}-${known}`,
    Tech: words.join(''),
    title: words.join(' '),
  };
};
