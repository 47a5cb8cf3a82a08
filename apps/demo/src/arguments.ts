/** Reads the command line. What is wrong with it is said in one sentence. */
import { parseArgs } from 'node:util';

/** A mistake of the person at the keyboard: shown as it is, without a stack trace. */
export class UsageError extends Error {}

export interface DemoArguments {
  /** The folder as it was typed; undefined for the default. */
  readonly docs: string | undefined;
  /** Questions to answer before the demo ends; none for a chat. */
  readonly asks: readonly string[];
  readonly watch: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

export const HELP = `Pantheon's document desk: a team of actors answers questions about a folder of documents.

  npm run demo                                 chat about this repository's own documents
  npm run demo -- --docs ~/notes               chat about a folder of Markdown and text files
  npm run demo -- --docs ~/notes --ask "..."   answer one question and end; may be repeated

  --docs FOLDER   the folder to read, with everything below it
  --ask TEXT      a question; without it, questions are read from the terminal, one a line
  --watch         follow changes of the files while the demo runs
  --json          with --ask: one line of JSON for each answer, and nothing else, on standard output
  --quiet         do not show which actor does what, and why
  --help          this text

OPENAI_API_KEY or OPENAI_BASE_URL (an OpenAI-compatible server) uses that model, named by OPENAI_MODEL;
without either, the answers are quotes from the documents, found without a model.`;

/** @throws UsageError */
export const readArguments = (argv: readonly string[]): DemoArguments => {
  const { values, positionals } = parse(argv);
  if (positionals.length > 0) {
    throw new UsageError(
      `I do not understand "${positionals[0]}". Put a question behind --ask, in quotes; --help shows more.`,
    );
  }
  const asks = values.ask ?? [];
  if (asks.some((ask) => ask.trim() === ''))
    throw new UsageError('--ask needs a question, in quotes.');
  if (values.json && asks.length === 0)
    throw new UsageError('--json needs a question: --ask "...".');
  return {
    docs: values.docs,
    asks,
    watch: values.watch ?? false,
    quiet: values.quiet ?? false,
    json: values.json ?? false,
    help: values.help ?? false,
  };
};

const parse = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        docs: { type: 'string' },
        ask: { type: 'string', multiple: true },
        watch: { type: 'boolean' },
        quiet: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Its messages go on with advice about dashes that nobody here needs.
    const [sentence = ''] = (error as Error).message.split(/\.\s/);
    throw new UsageError(`${sentence}. --help shows what there is.`);
  }
};
