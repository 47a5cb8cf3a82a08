/**
 * The document desk: the composition root. Ports are made, handed to an orchestrator, and four actors are put to work. This
 * is the only place where two adapters meet; read it from top to bottom.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeCronScheduler } from '@promethean/adapter-cron-scheduler';
import { makeFunctionTools } from '@promethean/adapter-function-tools';
import { makePinoLog } from '@promethean/adapter-pino-log';
import type { PinoLogOptions } from '@promethean/adapter-pino-log';
import { makeSqliteContext } from '@promethean/adapter-sqlite-context';
import type { SqliteContext } from '@promethean/adapter-sqlite-context';
import { errorMessage, makeOrchestrator } from '@promethean/pantheon-core';
import type {
  ActorRecord,
  ActorScript,
  IActorStatePort,
  PantheonEvent,
  TickReport,
} from '@promethean/pantheon-core';
import { conciergeScript, librarianScript, researcherScript, scribeScript } from './actors.ts';
import { HELP, UsageError, readArguments } from './arguments.ts';
import type { DemoArguments } from './arguments.ts';
import { makeConversation } from './conversation.ts';
import { openFolder } from './folder.ts';
import { chooseBus, chooseModel, chooseState, chooseTools, secretsOf } from './ports.ts';
import { formatAnswer, makeTerminal } from './terminal.ts';
import { makeDeskTools } from './tools.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
/** How often the librarian looks for changes. */
const WATCH_MS = 2_000;
/** How long a running tick may go on after Ctrl-C. */
const STOP_MS = 3_000;
/** How long the whole end may take. */
const END_MS = 6_000;
const { env } = process;

/** What outlives the demo lies here. */
const KEPT = join(REPOSITORY, '.pantheon');

/** The index outlives the demo, so that the next start has only to look for changes. It belongs to one folder. */
const openContext = (root: string, key: string, note: (text: string) => void): SqliteContext => {
  const sources = {
    documents: { kind: 'documents', root },
    conversation: { kind: 'conversation' },
  } as const;
  try {
    mkdirSync(KEPT, { recursive: true });
    return makeSqliteContext({ path: join(KEPT, `${key}.db`), sources });
  } catch (error) {
    note(`The index is kept in memory only: ${errorMessage(error)}`);
    return makeSqliteContext({ sources });
  }
};

/** Spawns an actor of the desk, or takes up the one that an earlier run left behind. */
const employ = async (
  state: IActorStatePort,
  script: ActorScript,
  goal: string,
  id: string,
): Promise<ActorRecord> => {
  const actor = await state.spawn(script, goal, { id });
  // A run that was ended in the middle of a question leaves its researchers behind.
  for (const child of await state.list({ parentId: id }))
    if (child.state !== 'completed') await state.update(child.id, { state: 'completed' });
  return actor.state === 'idle' ? actor : state.update(id, { state: 'idle' });
};

/** What the librarian's tick came to. A folder that cannot be read at all ends the demo. */
interface Indexed {
  readonly files: number;
  readonly chunks: number;
  readonly skippedCount: number;
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
}
const indexedBy = ({ outcomes: [refreshed] }: TickReport): Indexed => {
  if (refreshed?.status === 'ok') return refreshed.value as Indexed;
  throw new UsageError(
    `The documents cannot be read: ${refreshed?.error?.message ?? 'nobody looked'}`,
  );
};

const SHOWN = 5;
const skippedText = ({ skipped, skippedCount }: Indexed): string =>
  [
    '',
    ...skipped.slice(0, SHOWN).map(({ file, reason }) => `  left out: ${file}: ${reason}`),
    ...(skippedCount > SHOWN ? [`  left out: ${skippedCount - SHOWN} more`] : []),
  ].join('\n');

/** Questions from standard input, one a line, until it ends. */
async function* questionsTyped(): AsyncGenerator<string> {
  const { stdin, stdout } = process;
  const isChat = stdin.isTTY && stdout.isTTY;
  const reader = createInterface({
    input: stdin,
    ...(isChat ? { output: stdout, prompt: '\n> ' } : undefined),
  });
  // In raw mode Ctrl-C is a key; it means what it always means.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  if (isChat) reader.prompt();
  for await (const line of reader) {
    if (line.trim() !== '') yield line.trim();
    if (isChat) reader.prompt();
  }
}

/** Signals within this time are one: a terminal and a parent process may both pass on the same Ctrl-C. */
const SAME_SIGNAL_MS = 500;
let endingSince: number | undefined;

/** The first signal ends the demo in good order, the second one at once. So does the end of whoever reads the answers. */
const endOnSignal = (close: () => Promise<void>): void => {
  const end = (): void => {
    if (endingSince !== undefined) return;
    endingSince = performance.now();
    setTimeout(() => process.exit(1), END_MS).unref();
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  const receive = (): void => {
    if (endingSince !== undefined && performance.now() - endingSince > SAME_SIGNAL_MS)
      process.exit(1);
    end();
  };
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  process.stdout.on('error', end);
  // What nobody reads any more may be lost.
  process.stderr.on('error', () => undefined);
};

const run = async (args: DemoArguments): Promise<void> => {
  const root = await openFolder(
    args.docs ?? REPOSITORY,
    env['PANTHEON_CWD'] ?? env['INIT_CWD'] ?? process.cwd(),
  );
  const names = new Map([['user', 'you']]);
  const terminal = makeTerminal(args.quiet || args.json, (id) => names.get(id) ?? id);

  // The ports.
  const key = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const model = chooseModel(args, env);
  const log = makePinoLog({
    // What is no level is refused there, by name.
    level: (env['LOG_LEVEL'] ?? 'silent') as NonNullable<PinoLogOptions['level']>,
    destination: process.stderr,
    secrets: secretsOf(args, env),
  });
  const context = openContext(root, key, terminal.note);
  const tools = chooseTools(
    args,
    makeFunctionTools({
      tools: makeDeskTools({ root, context, onProgress: terminal.progress }),
    }),
  );
  const bus = chooseBus(args, `demo-${randomUUID()}`, terminal.note);
  const schedule = makeCronScheduler();
  // Actors that outlive the demo are found again by their ids.
  const [scribeId, conciergeId, librarianId] = ['scribe', 'concierge', 'librarian'].map(
    (role) => `${role}-${args.state === undefined ? randomUUID() : key}`,
  ) as [string, string, string];
  const scripts = {
    scribe: scribeScript,
    concierge: conciergeScript(scribeId, () => (model.isOffline ? [] : tools.foreign())),
    librarian: librarianScript(conciergeId),
    researcher: researcherScript,
  };
  const kept = join(KEPT, `${key}-actors.db`);
  const state = chooseState(args, env, Object.values(scripts), kept);
  const conversation = makeConversation(bus.port, conciergeId, terminal.note);
  const observe = (event: PantheonEvent): void => {
    // Those who are spawned later are called by what they do, too.
    if (event.type === 'actor-spawned') names.set(event.actorId, event.script);
    terminal.observe(event);
    conversation.observe(event);
  };

  const orchestrator = makeOrchestrator(
    {
      now: Date.now,
      log,
      context,
      tools: tools.port,
      llm: model.port,
      bus: bus.port,
      schedule,
      state: state.port,
      observe,
    },
    {
      newId: () => randomUUID(),
      // The first index of a large folder takes its time.
      tickTimeoutMs: 3_600_000,
      actions: { complete: (_, { actor }) => state.port.update(actor.id, { state: 'completed' }) },
    },
  );
  const close = async (): Promise<void> => {
    await orchestrator.stop({ timeoutMs: STOP_MS });
    const ports = [schedule, bus.port, tools.port, model.port, state.port, context, log];
    for (const port of ports) await port.close?.();
  };
  endOnSignal(close);

  try {
    // What is missing is said before anything else starts.
    for (const { ready } of [model, bus, tools, state]) await ready();

    // The actors.
    const scribe = await employ(state.port, scripts.scribe, 'keep the minutes', scribeId);
    await employ(state.port, scripts.concierge, 'answer from the documents', conciergeId);
    const librarian = await employ(state.port, scripts.librarian, 'keep the index', librarianId);
    for (const { id, script } of await state.port.list()) names.set(id, script.name);

    // The librarian builds the index before anybody can ask.
    const indexed = indexedBy(
      await orchestrator.tickActor(librarian, { userMessage: 'build the index' }),
    );
    if (indexed.files === 0) {
      throw new UsageError(
        `${root} holds no Markdown or text files that can be read.${skippedText(indexed)}`,
      );
    }
    if (!args.quiet && !args.json) {
      terminal.note(
        `${root}: ${indexed.files} documents, ${indexed.chunks} passages; answers by ${model.name}.${skippedText(indexed)}`,
      );
      const more = [bus.name, state.name].filter((name) => name !== undefined);
      if (more.length > 0) terminal.note(`${more.join('; ')}.`);
      const foreign = tools.foreign();
      if (foreign.length > 0) {
        const users = model.isOffline ? 'wait for a model (--model)' : 'are there for the model';
        terminal.note(`${foreign.length} tools of MCP servers ${users}.`);
      }
    }

    // Messages between the actors, and between them and the user.
    orchestrator.listen();
    bus.port.subscribe((message) => {
      if (message.from !== 'user' && message.to !== 'user') return undefined;
      return orchestrator.tickActor(scribe, { userMessage: message.content, message });
    });
    if (args.watch) orchestrator.startActorLoop(librarian, WATCH_MS);

    const ticksSoFar = (): number =>
      Object.values(orchestrator.stats().ticks).reduce((a, b) => a + b);
    for await (const question of args.asks.length > 0 ? args.asks : questionsTyped()) {
      const [ticks, at] = [ticksSoFar(), performance.now()];
      const reply = await conversation.ask(question);
      if (reply.kind === 'failure') {
        terminal.note(reply.reason);
        // Somebody who chats has seen it; a program looks at the exit code.
        if (args.asks.length > 0) process.exitCode = 1;
        continue;
      }
      const { answer, sources } = reply;
      const ms = Math.round(performance.now() - at);
      process.stdout.write(
        args.json
          ? `${JSON.stringify({ answer, sources, ticks: ticksSoFar() - ticks, ms })}\n`
          : formatAnswer(answer, sources),
      );
    }
  } finally {
    await close();
  }
};

try {
  const args = readArguments(process.argv.slice(2));
  if (args.help) process.stdout.write(`${HELP}\n`);
  else await run(args);
} catch (error) {
  // Whoever ended the demo knows why the work in hand was given up.
  if (endingSince === undefined) {
    const text = errorMessage(error);
    process.stderr.write(`${error instanceof UsageError ? text : `The demo failed: ${text}`}\n`);
    process.exitCode = 1;
  }
}
