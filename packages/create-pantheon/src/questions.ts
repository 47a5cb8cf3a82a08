/** Asks for what the command line does not say; where nobody can be asked, takes the defaults. */
import type { Readable, Writable } from 'node:stream';
import { isCancel, multiselect, select, text } from '@clack/prompts';
import { adapterNames, adapterPorts } from './adapter-names.ts';
import { adapters } from './adapters.ts';
import { chooseAdapters } from './app-config.ts';
import { kinds } from './arguments.ts';
import type { Arguments, Kind } from './arguments.ts';
import { packageNameOf } from './package-name.ts';
import { Problem } from './problem.ts';

/** What is to be made. */
export type Wanted =
  | { readonly kind: 'app'; readonly folder: string; readonly adapters: readonly string[] }
  | { readonly kind: 'adapter'; readonly folder: string; readonly port: string };

/** The terminal, or undefined where nobody can be asked. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
}

/** The user ended the questions. */
export class Cancelled extends Error {}

const answered = <Answer>(answer: Answer): Exclude<Answer, symbol> => {
  if (isCancel(answer)) throw new Cancelled();
  return answer as Exclude<Answer, symbol>;
};

/** A sentence for the person at the prompt; undefined where all is well. */
const complaint = (check: () => unknown): string | undefined => {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
};

const labels: Readonly<Record<Kind, string>> = {
  app: 'an app: three actors that talk to you and to each other',
  adapter: 'an adapter: a package that implements a port',
};

const askKind = async (terminal: Terminal): Promise<Kind> => {
  const options = kinds.map((value) => ({ value, label: labels[value] }));
  return answered(await select({ ...terminal, message: 'What shall it be?', options }));
};

const askFolder = async (terminal: Terminal, suggestion: string | undefined): Promise<string> =>
  answered(
    await text({
      ...terminal,
      message: 'In which folder?',
      placeholder: suggestion ?? 'pantheon-adapter-redis-bus',
      ...(suggestion !== undefined && { defaultValue: suggestion }),
      validate: (typed = '') =>
        complaint(() => packageNameOf(typed === '' ? (suggestion ?? '') : typed)),
    }),
  );

const askAdapters = async (terminal: Terminal): Promise<readonly string[]> => {
  const options = Object.entries(adapters)
    .filter(([, { imports }]) => imports !== undefined)
    .map(([value, { needs }]) => ({ value, ...(needs !== undefined && { hint: needs }) }));
  return answered(
    await multiselect({
      ...terminal,
      message: 'Which adapters, beside those that need no server? (space selects, enter goes on)',
      options,
      required: false,
    }),
  );
};

const askPort = async (terminal: Terminal): Promise<string> => {
  const options = adapterPorts.map((value) => ({ value }));
  return answered(await select({ ...terminal, message: 'For which port?', options }));
};

/** Rejects with a `Problem` for what is missing or wrong, and with `Cancelled`. */
export const wantedOf = async (
  args: Arguments,
  terminal: Terminal | undefined,
): Promise<Wanted> => {
  const asks = args.yes ? undefined : terminal;
  const given = args.kind ?? (args.adapters === undefined ? undefined : 'app');
  const kind = given ?? (asks === undefined ? 'app' : await askKind(asks));
  const suggestion = kind === 'app' ? 'my-app' : undefined;
  const fallback = args.yes ? suggestion : undefined;
  const folder = args.folder ?? (asks === undefined ? fallback : await askFolder(asks, suggestion));
  if (folder === undefined)
    throw new Problem(
      'There is no folder to make it in.',
      'Give one before the flags, such as my-app; --help shows more.',
    );
  const name = packageNameOf(folder);

  if (kind === 'app') {
    const chosen = args.adapters ?? (asks === undefined ? [] : await askAdapters(asks));
    chooseAdapters(chosen);
    return { kind, folder, adapters: chosen };
  }
  const port = args.port ?? (asks === undefined ? undefined : await askPort(asks));
  if (port === undefined)
    throw new Problem(
      'An adapter is for one port, and none is given.',
      `Give --port with one of ${adapterPorts.join(', ')}.`,
    );
  adapterNames(name, port);
  return { kind, folder, port };
};
