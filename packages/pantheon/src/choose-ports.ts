/** Which port each setting stands for. Nothing is made before `make` is called, so that a choice can be shown as well. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeCronScheduler } from '@promethean/adapter-cron-scheduler';
import { makeFunctionTools } from '@promethean/adapter-function-tools';
import { makePinoLog } from '@promethean/adapter-pino-log';
import { makeSqliteContext } from '@promethean/adapter-sqlite-context';
import type { SqliteContext } from '@promethean/adapter-sqlite-context';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type {
  ActorScript,
  IActorStatePort,
  IContextPort,
  IJournalPort,
  ILeasePort,
  ILlmPort,
  IMessageBus,
  IScheduler,
  IToolPort,
  Log,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryState,
} from '@promethean/pantheon-core/memory';
import { given, ours } from './choice.ts';
import type { Choice, Surroundings } from './choice.ts';
import { chooseLlm, secretsOf } from './choose-llm.ts';
import { OWN_SOURCES, isPort } from './config-schema.ts';
import type { PantheonConfig } from './config.ts';
import type { Environment } from './environment.ts';

/** A choice for every port. */
export interface Choices {
  readonly log: Choice<Log>;
  readonly state: Choice<IActorStatePort>;
  readonly context: Choice<IContextPort>;
  /** Undefined: there is none. */
  readonly journal: Choice<IJournalPort> | undefined;
  /** Undefined: there are none. */
  readonly leases: Choice<ILeasePort> | undefined;
  readonly tools: Choice<IToolPort>;
  readonly llm: Choice<ILlmPort>;
  readonly bus: Choice<IMessageBus>;
  readonly schedule: Choice<IScheduler>;
}

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Not `recursive`: with that, Node tries for ever where a folder is there but takes no other, as below /proc. */
const makeFolder = (folder: string): void => {
  if (isFolder(folder)) return;
  const above = dirname(folder);
  if (above !== folder) makeFolder(above);
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!isFolder(folder)) throw error; // Otherwise another process was faster.
  }
};

const makeFolderOf = (file: string): void => {
  if (file === ':memory:') return;
  const folder = dirname(file);
  try {
    makeFolder(folder);
  } catch (error) {
    throw new PantheonError(
      'file-unreadable',
      `path: the folder ${folder} cannot be made: ${errorMessage(error)}`,
      { cause: error, details: { path: folder } },
    );
  }
};

/** The scripts that a state in a file, or a journal, may revive, each once. */
export const scriptsOf = ({
  actors = [],
  scripts = [],
}: PantheonConfig): readonly ActorScript[] => [
  ...new Set([...actors.map(({ script }) => script), ...scripts]),
];

const chooseState = (config: PantheonConfig): Choice<IActorStatePort> => {
  const { state = 'memory' } = config;
  if (isPort('state', state)) return given(state);
  if (state === 'memory') return ours('state', 'in memory', ({ now }) => makeMemoryState({ now }));
  const { file } = state;
  return ours('state', `in the SQLite file ${file}`, ({ now }) => {
    makeFolderOf(file);
    return makeSqliteState({ path: file, scripts: scriptsOf(config), now });
  });
};

/** A tick with a source that nobody knows would fail, every time. */
const requireSources = (scripts: readonly ActorScript[], known: readonly string[]): void => {
  for (const { name, contextSources } of scripts) {
    const unknown = contextSources.find(({ id }) => !known.includes(id));
    if (unknown === undefined) continue;
    throw new PantheonError(
      'option-invalid',
      `context: the script ${name} has the source ${JSON.stringify(unknown.id)}, but there is only ${known.join(', ')}; name its folder in context.documents.`,
      { details: { source: unknown.id } },
    );
  }
};

const chooseContext = (config: PantheonConfig): Choice<IContextPort> => {
  const { context = 'memory' } = config;
  if (isPort('context', context)) return given(context);
  const scripts = scriptsOf(config);
  if (context === 'memory') {
    requireSources(scripts, ['conversation']);
    return ours('context', 'in memory', () => makeMemoryContext());
  }
  const { file = ':memory:', documents = {} } = context;
  requireSources(scripts, [...OWN_SOURCES, ...Object.keys(documents)]);
  const folders = Object.entries(documents);
  const place = file === ':memory:' ? 'in SQLite in memory' : `in the SQLite file ${file}`;
  const names = folders.map(([id, root]) => `, ${id} from ${root}`).join('');
  const make = ({ now }: Surroundings): SqliteContext => {
    makeFolderOf(file);
    const sources = folders.map(([id, root]) => [id, { kind: 'documents', root }] as const);
    return makeSqliteContext({
      path: file,
      now,
      sources: {
        conversation: { kind: 'conversation' },
        'tool-results': { kind: 'tool-results' },
        ...Object.fromEntries(sources),
      },
    });
  };
  return ours('context', place + names, make, (context, signal) => context.index({ signal }));
};

const chooseJournal = ({ journal }: PantheonConfig): Choice<IJournalPort> | undefined => {
  if (journal === undefined) return undefined;
  if (isPort('journal', journal)) return given(journal);
  const { file } = journal;
  return ours('journal', `in the SQLite file ${file}`, ({ now }) => {
    makeFolderOf(file);
    return makeSqliteJournal({ path: file, now });
  });
};

const chooseTools = ({ tools = [] }: PantheonConfig): Choice<IToolPort> => {
  if (isPort('tools', tools)) return given(tools);
  const names = tools.map(({ name }) => name).join(', ');
  return ours('tools', names === '' ? 'none' : names, () => makeFunctionTools({ tools }));
};

const chooseLog = (config: PantheonConfig, env: Environment): Choice<Log> => {
  const { log = {} } = config;
  if (log === false) return ours('log', 'none', () => () => undefined);
  if (typeof log === 'function') return given(log);
  const { level = 'warn', destination = 2, secrets = [], ...more } = log;
  const own = secretsOf(config, env);
  const place =
    destination === 2
      ? 'standard error'
      : typeof destination === 'string'
        ? destination
        : 'elsewhere';
  return ours('log', `pino, ${level}, ${place}`, ({ now }) =>
    makePinoLog({
      ...more,
      level,
      destination,
      now,
      secrets: typeof secrets === 'function' ? () => [...secrets(), ...own] : [...secrets, ...own],
    }),
  );
};

const chooseBus = ({ bus }: PantheonConfig): Choice<IMessageBus> =>
  bus === undefined
    ? ours('bus', 'in memory', ({ log, now }) =>
        makeMemoryBus({
          now,
          onError: ({ message, error }) =>
            log(`Message ${message.id} was not handled`, { to: message.to, error }),
        }),
      )
    : given(bus);

const chooseSchedule = ({ schedule }: PantheonConfig): Choice<IScheduler> =>
  schedule === undefined
    ? ours('schedule', 'in this process', ({ log, now }) =>
        makeCronScheduler({ now, onError: (error) => log('A scheduled task failed', { error }) }),
      )
    : given(schedule);

/** @throws PantheonError `option-invalid` where settings and environment leave no choice. */
export const choosePorts = (config: PantheonConfig, env: Environment): Choices => ({
  log: chooseLog(config, env),
  state: chooseState(config),
  context: chooseContext(config),
  journal: chooseJournal(config),
  leases: config.leases && given(config.leases),
  tools: chooseTools(config),
  llm: chooseLlm(config, env),
  bus: chooseBus(config),
  schedule: chooseSchedule(config),
});
