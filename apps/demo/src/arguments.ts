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
  /** The address of a Redis for the messages, and for the actors with `--state redis`. */
  readonly redis: string | undefined;
  /** Where actors are kept; undefined for memory. */
  readonly state: StateKind | undefined;
  /** The name of a model, or `offline`; undefined for what the environment says. */
  readonly model: string | undefined;
  /** Commands of MCP servers, each as its words. */
  readonly mcp: readonly (readonly string[])[];
  readonly help: boolean;
}

const STATES = ['sqlite', 'postgres', 'redis'] as const;
/** Where actors can be kept. */
type StateKind = (typeof STATES)[number];

export const HELP = `Pantheon's document desk: a team of actors answers questions about a folder of documents.

  npm run demo                                 chat about this repository's own documents
  npm run demo -- --docs ~/notes               chat about a folder of Markdown and text files
  npm run demo -- --docs ~/notes --ask "..."   answer one question and end; may be repeated

  --docs FOLDER   the folder to read, with everything below it
  --ask TEXT      a question; without it, questions are read from the terminal, one a line
  --watch         follow changes of the files while the demo runs
  --json          with --ask: one line of JSON for each answer, and nothing else, on standard output
  --quiet         do not show which actor does what, and why
  --model NAME    the model that answers, of OpenAI or of the server at OPENAI_BASE_URL; "offline" for none
  --redis URL     messages go through this Redis, for example redis://127.0.0.1:6379
  --state KIND    actors outlive the demo: sqlite (a file), redis (that of --redis) or postgres (DATABASE_URL)
  --mcp COMMAND   a model may use the tools of this MCP server too, but no destructive ones; may be repeated
  --help          this text

OPENAI_API_KEY or OPENAI_BASE_URL (an OpenAI-compatible server) uses that model, named by --model or OPENAI_MODEL;
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
  const { state } = values;
  if (state !== undefined && !isStateKind(state))
    throw new UsageError(`--state must be ${STATES.join(', ')}, not "${state}".`);
  if (state === 'redis' && values.redis === undefined)
    throw new UsageError('--state redis needs --redis URL as well.');
  if (values.model?.trim() === '') throw new UsageError('--model needs a name, or "offline".');
  return {
    docs: values.docs,
    asks,
    watch: values.watch ?? false,
    quiet: values.quiet ?? false,
    json: values.json ?? false,
    redis: values.redis,
    state,
    model: values.model?.trim(),
    mcp: (values.mcp ?? []).map(wordsOf),
    help: values.help ?? false,
  };
};

const isStateKind = (text: string): text is StateKind =>
  (STATES as readonly string[]).includes(text);

/** A command as its words; quotes keep spaces together. No shell ever sees it. */
const wordsOf = (command: string): readonly string[] => {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  if (words.length === 0)
    throw new UsageError('--mcp needs the command that starts a server, in quotes.');
  if (/["']/.test(command.replace(/"[^"]*"|'[^']*'/g, '')))
    throw new UsageError(`--mcp ${command}: a quote is not closed.`);
  return words.map((word) =>
    word.replace(
      /"([^"]*)"|'([^']*)'/g,
      (_, double?: string, single?: string) => double ?? single ?? '',
    ),
  );
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
        redis: { type: 'string' },
        state: { type: 'string' },
        model: { type: 'string' },
        mcp: { type: 'string', multiple: true },
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
