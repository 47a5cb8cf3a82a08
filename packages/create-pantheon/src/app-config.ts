/** The files of an app that depend on its adapters, as text. */
import { adapters } from './adapters.ts';
import type { AdapterUse } from './adapters.ts';
import { nearestName } from './nearest-name.ts';
import { Problem } from './problem.ts';

/** Adapters that fit together, and what an app needs of them. */
export interface ChosenAdapters {
  readonly names: readonly string[];
  readonly uses: readonly AdapterUse[];
}

/** Reads names such as `redis-bus` or `@promethean/adapter-redis-bus`. Throws a `Problem`. */
export const chooseAdapters = (typed: readonly string[]): ChosenAdapters => {
  const known = Object.keys(adapters);
  const names = [...new Set(typed.map((name) => name.replace(/^@promethean\/adapter-/, '')))];
  const useOf = (name: string): AdapterUse => {
    if (Object.hasOwn(adapters, name)) return adapters[name]!;
    const nearest = nearestName(name, known);
    throw new Problem(
      `There is no adapter "${name}".`,
      `${nearest === undefined ? '' : `Did you mean "${nearest}"? `}Adapters are ${known.join(', ')}.`,
    );
  };
  const uses = names.map(useOf);
  for (const [index, { setting }] of uses.entries()) {
    const first = uses.findIndex((use) => use.setting === setting);
    if (first !== index)
      throw new Problem(
        `${names[first]} and ${names[index]} are both for the ${setting === 'schedule' ? 'scheduler' : setting}.`,
        'Choose one of them.',
      );
  }
  const has = (wanted: AdapterUse['setting']): boolean =>
    uses.some(({ setting }) => setting === wanted);
  // Of processes that share a bus, one takes up what another left in the journal only where leases tell what that is.
  const more = has('bus') && has('journal') && !has('leases') ? ['redis-lease'] : [];
  return { names: [...names, ...more], uses: [...uses, ...more.map(useOf)] };
};

const merge = <Value>(
  parts: readonly (Readonly<Record<string, Value>> | undefined)[],
): Record<string, Value> => Object.assign({}, ...parts) as Record<string, Value>;

const sorted = <Value>(record: Readonly<Record<string, Value>>): [string, Value][] =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

/** `package.json`. `versions` are the ranges of our packages. */
export const manifestText = (
  name: string,
  { uses }: ChosenAdapters,
  versions: Readonly<Record<string, string>>,
): string => {
  const foreign = merge(uses.map((use) => use.versions));
  const needed = uses.flatMap(({ imports = {} }) => Object.keys(imports));
  const ours = ['@promethean/pantheon', ...needed].filter((one) => one.startsWith('@promethean/'));
  const core = uses.some(({ imports }) => imports !== undefined)
    ? ['@promethean/pantheon-core']
    : [];
  const versionOf = (one: string): string => {
    const version = versions[one];
    if (version === undefined) throw new Error(`No version is given for ${one}`);
    return version;
  };
  const dependencies = {
    ...Object.fromEntries([...ours, ...core].map((one) => [one, versionOf(one)])),
    ...foreign,
    zod: '^4.6.0',
  };
  const node = 'node --disable-warning=ExperimentalWarning';
  const manifest = {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: {
      start: `${node} src/main.ts`,
      test: `${node} --test`,
      check: 'tsc',
    },
    dependencies: Object.fromEntries(sorted(dependencies)),
    devDependencies: { '@types/node': '^22.18.0', typescript: '^7.0.2' },
    engines: { node: '>=22.18' },
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
};

/** `pantheon.config.ts`. */
export const configText = (name: string, { uses }: ChosenAdapters): string => {
  const settings = new Map<string, string | undefined>(
    uses.map(({ setting, expression }) => [setting, expression]),
  );
  // Without a group every process would handle every message, and pay for every answer.
  if (settings.has('bus')) settings.set('group', 'namespace');
  const code = [...settings.values()].join('\n');
  const mentions = (word: string): boolean => new RegExp(`\\b${word}\\b`).test(code);
  const imports = sorted({
    '@promethean/pantheon': 'defineConfig',
    ...merge(uses.map((use) => use.imports)),
  });
  const lines = [
    `import { join } from 'node:path';`,
    ...imports.map(([from, what]) => `import { ${what} } from '${from}';`),
    `import { host } from './src/actors/host.ts';`,
    `import { researcher } from './src/actors/researcher.ts';`,
    `import { scribe } from './src/actors/scribe.ts';`,
    `import { makeTools } from './src/tools.ts';`,
    '',
    ...(mentions('scripts') ? ['const scripts = [host, researcher, scribe];'] : []),
    ...(mentions('namespace')
      ? ['// Processes with the same name share messages, actors and schedules.']
      : []),
    ...(mentions('namespace') ? [`const namespace = '${name.replace(/^@[^/]+\//, '')}';`] : []),
    'const tools = makeTools({',
    `  notes: join(import.meta.dirname, 'notes'),`,
    `  minutes: join(import.meta.dirname, 'minutes.md'),`,
    '});',
    '',
    '/** Who works here, and with what. What is left out has a default: everything in memory, and no server. */',
    'export default defineConfig({',
    '  actors: [',
    `    { script: host, goals: ['pass every question on'] },`,
    `    { script: researcher, goals: ['answer from the notes'] },`,
    `    { script: scribe, goals: ['keep the minutes'] },`,
    '  ],',
    `  ${settings.get('tools') === undefined ? 'tools' : `tools: ${settings.get('tools')}`},`,
    ...(settings.has('llm')
      ? []
      : [
          '  // The model: OpenAI where OPENAI_API_KEY or OPENAI_BASE_URL is set, otherwise offline.',
        ]),
    ...sorted(Object.fromEntries(settings)).flatMap(([setting, expression]) =>
      setting === 'tools' || expression === undefined ? [] : [`  ${setting}: ${expression},`],
    ),
    '});',
  ];
  return `${lines.join('\n')}\n`;
};

const KEY =
  'Copy `.env.example` to `.env` and put your `OPENAI_API_KEY` there, or the address of a\ncompatible server such as Ollama';

/** What the README says about the model, for each choice of one. */
const MODELS: Readonly<Record<string, string>> = {
  'ai-sdk-llm':
    'The researcher answers in the words of the model in `pantheon.config.ts`: one on this machine, unless `.env` says otherwise. Copy\n`.env.example` to `.env` and change `AI_BASE_URL` and `AI_MODEL` there, or take another provider of the AI SDK in `pantheon.config.ts`.',
  'offline-llm': `Answers are quotes from the notes, with a key too. Take \`llm: 'offline'\` out of \`pantheon.config.ts\` to have a model.\n${KEY}, and the researcher answers in the model's words.`,
  'openai-llm': `The app needs a model to start. ${KEY}.\nThe researcher answers in the model's words.`,
};

/** The paragraph of the README about the model. */
export const modelText = ({ names }: ChosenAdapters): string =>
  names.flatMap((name) => MODELS[name] ?? [])[0] ??
  `Without a key, answers are quotes from the notes. ${KEY}, and the researcher answers in the model's words.`;

/** The lines of `.env.example` about the model; none where the config's model does not ask the environment, or has its own lines. */
const modelEnv = ({ names, uses }: ChosenAdapters): readonly string[] => {
  const isOpenAi = names.includes('openai-llm');
  if (!isOpenAi && uses.some(({ setting }) => setting === 'llm')) return [];
  return [
    '# A language model of OpenAI, or of a compatible server.',
    isOpenAi
      ? '# The app does not start without a key or an address.'
      : '# Without these, answers are quotes from the notes.',
    '# OPENAI_API_KEY=',
    '# OPENAI_BASE_URL=http://127.0.0.1:11434/v1',
    '# OPENAI_MODEL=',
    '',
  ];
};

/** `.env.example`. */
export const envText = (chosen: ChosenAdapters): string => {
  const { uses } = chosen;
  const lines = [
    '# Copy this file to .env, take the # away where you need a line, and start again.',
    '',
    ...modelEnv(chosen),
    '# memory, or a file that actors survive a restart in.',
    '# PANTHEON_STATE=.pantheon/actors.db',
    '# trace, debug, info, warn, error or silent.',
    '# PANTHEON_LOG_LEVEL=debug',
  ];
  const more = sorted(merge(uses.map((use) => use.env))).filter(
    ([key]) => !lines.some((line) => line.includes(`${key}=`)),
  );
  if (more.length > 0) lines.push('', '# Of the adapters.');
  for (const [key, value] of more) lines.push(`# ${key}=${value}`);
  return `${lines.join('\n')}\n`;
};

/** What has to be there before the app can start, a sentence for each adapter that needs something. */
export const needsOf = ({ names, uses }: ChosenAdapters): readonly string[] =>
  uses.flatMap(({ needs }, index) =>
    needs === undefined ? [] : [`${names[index]} needs ${needs}.`],
  );
