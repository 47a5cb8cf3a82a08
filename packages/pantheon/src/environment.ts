/** The environment: it takes the place of plain settings of a config file, and of what code leaves out. */
import { resolve } from 'node:path';
import { PantheonError } from '@promethean/pantheon-core';
import { LOG_LEVELS, isPort } from './config-schema.ts';
import type { LogSetting, PantheonConfig } from './config.ts';
import { nearestName } from './nearest-name.ts';

/** Variables by their names, as in `process.env`. An empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

const invalid = (name: string, problem: string): PantheonError =>
  new PantheonError('option-invalid', `${name} ${problem}.`, { details: { variable: name } });

const oneOf = <const Word extends string>(
  env: Environment,
  name: string,
  words: readonly Word[],
): Word | undefined => {
  const value = env[name] || undefined;
  const word = words.find((each) => each === value);
  if (value !== undefined && word === undefined)
    throw invalid(name, `must be one of ${words.join(', ')}, not ${JSON.stringify(value)}`);
  return word;
};

/** `memory`, or an absolute path. An address is not shown: it may have a password in it. */
const fileOf = (env: Environment, name: string, cwd: string): string | undefined => {
  const value = env[name] || undefined;
  if (value === undefined || value === 'memory' || value === ':memory:') return value && 'memory';
  if (/^[\w+.-]+:\/\//.test(value))
    throw invalid(
      name,
      'must be "memory" or the path of a file, not an address; a server needs its port in the config',
    );
  if (value.includes('\0')) throw invalid(name, 'must be the path of a file, without a zero byte');
  return resolve(cwd, value);
};

/** What the environment says about an OpenAI-compatible model. */
export interface OpenAiEnvironment {
  readonly apiKey: string | undefined;
  readonly baseURL: string | undefined;
  readonly model: string | undefined;
}

/** @throws PantheonError `option-invalid` for an address that is none. */
export const openAiEnvironment = (env: Environment): OpenAiEnvironment => {
  const [apiKey, baseURL, model] = ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OPENAI_MODEL'].map(
    (name) => env[name] || undefined,
  );
  if (baseURL !== undefined && !/^https?:/.test(URL.parse(baseURL)?.protocol ?? ''))
    throw invalid('OPENAI_BASE_URL', 'must be an address such as http://127.0.0.1:11434/v1');
  return { apiKey, baseURL, model };
};

const PREFIX = 'PANTHEON_';
const VARIABLES = ['STATE', 'CONTEXT', 'LLM', 'LOG_LEVEL'];

/** Variables that are named as ours are, but that nothing here reads. */
export const unknownVariables = (env: Environment): readonly string[] =>
  Object.keys(env).filter(
    (name) => name.startsWith(PREFIX) && !VARIABLES.includes(name.slice(PREFIX.length)),
  );

/** Only what looks like a slip: Kubernetes sets PANTHEON_PORT and more beside a service called pantheon. */
const refuseMisspelt = (env: Environment): void => {
  for (const variable of unknownVariables(env)) {
    const nearest = nearestName(variable.slice(PREFIX.length), VARIABLES);
    if (nearest !== undefined)
      throw invalid(variable, `is no variable of Pantheon; did you mean ${PREFIX}${nearest}`);
  }
};

const state = (file: string | undefined): PantheonConfig['state'] =>
  file === undefined || file === 'memory' ? file : { file };

/**
 * A config with what PANTHEON_STATE, PANTHEON_CONTEXT, PANTHEON_LLM and PANTHEON_LOG_LEVEL say. With `replace` they take the place
 * of plain settings, otherwise only of those that are left out. Ports and functions stay.
 *
 * @throws PantheonError `option-invalid` naming the variable, also one that is ours but for a slip of the keyboard.
 */
export const withEnvironment = (
  config: PantheonConfig,
  env: Environment,
  { cwd, replace }: { readonly cwd: string; readonly replace: boolean },
): PantheonConfig => {
  refuseMisspelt(env);
  const { context, llm, log } = config;
  const stateFile = fileOf(env, 'PANTHEON_STATE', cwd);
  const contextFile = fileOf(env, 'PANTHEON_CONTEXT', cwd);
  const model = oneOf(env, 'PANTHEON_LLM', ['offline', 'openai']);
  const level = oneOf(env, 'PANTHEON_LOG_LEVEL', LOG_LEVELS);
  const may = (name: 'state' | 'context' | 'llm'): boolean =>
    config[name] === undefined || (replace && !isPort(name, config[name]));

  const changes: { -readonly [Name in keyof PantheonConfig]: PantheonConfig[Name] } = {};
  if (stateFile !== undefined && may('state')) changes.state = state(stateFile);
  if (contextFile !== undefined && may('context')) {
    const documents =
      typeof context === 'object' && 'documents' in context ? context.documents : undefined;
    const file = contextFile === 'memory' ? undefined : contextFile;
    changes.context = (file ?? documents) ? { documents, file } : 'memory';
  }
  // Settings of a model are those of OpenAI already.
  if (model !== undefined && may('llm') && !(model === 'openai' && typeof llm === 'object'))
    changes.llm = model;
  if (level !== undefined && typeof log !== 'function') {
    const given: LogSetting = typeof log === 'object' ? log : {};
    if (replace || (log !== false && given.level === undefined)) changes.log = { ...given, level };
  }
  return { ...config, ...changes };
};
