/** Reads the command line. What is wrong with it is said in one sentence. */
import { parseArgs } from 'node:util';
import { adapterPorts } from './adapter-names.ts';
import { adapters } from './adapters.ts';
import { packageManagers } from './package-manager.ts';
import type { PackageManager } from './package-manager.ts';
import { Problem } from './problem.ts';

export const kinds = ['app', 'adapter'] as const;
export type Kind = (typeof kinds)[number];

/** The command line as it was given. What is undefined was not. */
export interface Arguments {
  readonly folder: string | undefined;
  readonly kind: Kind | undefined;
  readonly port: string | undefined;
  readonly adapters: readonly string[] | undefined;
  readonly packageManager: PackageManager | undefined;
  readonly install: boolean;
  readonly git: boolean;
  readonly yes: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

export const HELP: string = `Makes a Pantheon app, or a package with an adapter for a port of Pantheon.

  npm create pantheon@latest my-app
  npm create pantheon@latest my-app -- --adapter redis-bus,openai-llm --yes
  npm create pantheon@latest file-bus -- --kind adapter --port bus

  FOLDER                  what to make; it must not exist or be empty, and its name becomes the package's
  --kind KIND             ${kinds.join(' or ')}; default app
  --adapter NAMES         adapters of the app, with commas between them; one a port:
                          ${Object.keys(adapters).slice(0, 7).join(', ')},
                          ${Object.keys(adapters).slice(7).join(', ')}
  --port PORT             of an adapter: ${adapterPorts.join(', ')}
  --package-manager NAME  ${packageManagers.join(', ')}; default: the one that runs this
  --no-install            do not install the packages
  --no-git                do not make a git repository
  --yes                   ask nothing; what is not given gets its default (the folder: my-app)
  --version, --help       the version of this command; this text`;

const oneOf = <const Word extends string>(
  flag: string,
  value: string | undefined,
  words: readonly Word[],
): Word | undefined => {
  const word = words.find((each) => each === value);
  if (value === undefined || word !== undefined) return word;
  throw new Problem(`${flag} cannot be "${value}".`, `Give one of ${words.join(', ')}.`);
};

const parse = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        kind: { type: 'string' },
        port: { type: 'string' },
        adapter: { type: 'string', multiple: true },
        'package-manager': { type: 'string' },
        'no-install': { type: 'boolean' },
        'no-git': { type: 'boolean' },
        yes: { type: 'boolean', short: 'y' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    // Its messages go on with advice about dashes that nobody here needs.
    const [sentence = ''] = (error as Error).message.split(/\.\s/);
    throw new Problem(`${sentence.replace(/\.$/, '')}.`, '--help shows what there is.');
  }
};

/** Throws a `Problem`. */
export const readArguments = (argv: readonly string[]): Arguments => {
  const { values, positionals } = parse(argv);
  const [folder, extra] = positionals;
  if (extra !== undefined)
    throw new Problem(`"${extra}" is one word too many.`, 'Give one folder; --help shows more.');
  const kind = oneOf('--kind', values.kind, kinds);
  if (values.port !== undefined && kind !== 'adapter')
    throw new Problem('--port is for an adapter.', 'Give --kind adapter as well.');
  if (values.adapter !== undefined && kind === 'adapter')
    throw new Problem('--adapter is for an app.', 'Leave it out, or leave --kind adapter out.');
  return {
    folder,
    kind,
    port: oneOf('--port', values.port, adapterPorts),
    adapters: values.adapter?.flatMap((names) => names.split(/[\s,]+/)).filter(Boolean),
    packageManager: oneOf('--package-manager', values['package-manager'], packageManagers),
    install: !values['no-install'],
    git: !values['no-git'],
    yes: values.yes ?? false,
    help: values.help ?? false,
    version: values.version ?? false,
  };
};
