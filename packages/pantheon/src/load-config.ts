/** Finding and reading a config file. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import { isPort, requireConfig } from './config-schema.ts';
import type { PantheonConfig } from './config.ts';
import { withEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';

/** Where to look for settings. */
export interface LoadConfigOptions {
  /** The folder of the config file, and of relative paths in the environment. Default: the process's. */
  readonly cwd?: string | undefined;
  /** The config file, from `cwd`. Default: the `pantheon.config.*` of `cwd`, if there is one. */
  readonly file?: string | undefined;
  /** Default `process.env`. */
  readonly env?: Environment | undefined;
}

const ENDINGS = ['ts', 'mts', 'js', 'mjs', 'json'];
/** What JSON cannot hold, for it has functions. */
const CODE = ['actors', 'scripts'];

const invalid = (message: string, cause?: unknown): PantheonError =>
  new PantheonError('option-invalid', message, { cause });

/**
 * The config file of a folder, or undefined.
 *
 * @throws PantheonError `option-invalid` when there are several.
 */
export const findConfig = (cwd: string): string | undefined => {
  const names = ENDINGS.map((ending) => `pantheon.config.${ending}`);
  const found = names.filter((name) => existsSync(join(cwd, name)));
  if (found.length > 1) {
    throw invalid(
      `${cwd} has ${found.join(' and ')}; keep one of them, or name one with --config (in code: loadConfig({ file })).`,
    );
  }
  return found[0] === undefined ? undefined : join(cwd, found[0]);
};

/** Where in the file it happened, when the error tells. */
const placeOf = (error: unknown, name: string): string => {
  const { stack = '' } = error instanceof Error ? error : {};
  const at = stack.indexOf(`${name}:`);
  return at === -1 ? name : (/^[^\s)]*?:\d+/.exec(stack.slice(at))?.[0] ?? name);
};

/** What the import of a config file rejected with, as an error for the person who wrote that file. */
export const importFailure = (error: unknown, name: string): PantheonError => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return invalid(
      `${name}: Node ${process.versions.node} does not run TypeScript; use Node 22.18 or newer, or write ${name.replace(/\.m?ts$/, '.js')}.`,
      error,
    );
  }
  return invalid(`${placeOf(error, name)} cannot be loaded: ${errorMessage(error)}`, error);
};

const readJson = async (path: string, name: string): Promise<unknown> => {
  let value: unknown;
  try {
    // Some editors begin a file with a mark that JSON does not know.
    value = JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, ''));
  } catch (error) {
    throw invalid(`${name} cannot be read: ${errorMessage(error)}`, error);
  }
  const code = CODE.find((key) => Object.hasOwn(Object(value) as object, key));
  if (code === undefined) return value;
  throw invalid(
    `${name}: "${code}" have functions, which JSON cannot hold; write pantheon.config.ts, or give them in code: makePantheon({ ...(await loadConfig()), ${code} }).`,
  );
};

const readModule = async (path: string, name: string): Promise<unknown> => {
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(path).href).catch(
    (error: unknown) => {
      throw importFailure(error, name);
    },
  );
  const config = module['default'] ?? module['config'];
  if (config === undefined)
    throw invalid(`${name} exports no config; write: export default defineConfig({ ... });`);
  return config;
};

/** Paths in a file are relative to its folder, wherever the process was started. */
const withPathsFrom = (config: PantheonConfig, folder: string): PantheonConfig => {
  const { state, journal, context, log } = config;
  const pathOf = (path: string): string => (path === ':memory:' ? path : resolve(folder, path));
  const changes: { -readonly [Name in keyof PantheonConfig]: PantheonConfig[Name] } = {};
  if (typeof state === 'object' && !isPort('state', state))
    changes.state = { file: pathOf(state.file) };
  if (journal !== undefined && !isPort('journal', journal))
    changes.journal = { file: pathOf(journal.file) };
  if (typeof context === 'object' && !isPort('context', context)) {
    const { file, documents = {} } = context;
    const folders = Object.entries(documents).map(([id, root]) => [id, pathOf(root)] as const);
    changes.context = {
      file: file === undefined ? undefined : pathOf(file),
      documents: Object.fromEntries(folders),
    };
  }
  if (typeof log === 'object' && typeof log.destination === 'string')
    changes.log = { ...log, destination: pathOf(log.destination) };
  return { ...config, ...changes };
};

/**
 * Reads `pantheon.config.ts`, `.mts`, `.js`, `.mjs` or `.json`: its default export, or the one named `config`. Then PANTHEON_STATE,
 * PANTHEON_CONTEXT, PANTHEON_LLM and PANTHEON_LOG_LEVEL take the place of its plain settings; ports and functions stay. Without a
 * file there are the settings of the environment only. The file is code: it runs.
 *
 * @throws PantheonError `option-invalid` for what is wrong with the file or a variable, by its name.
 */
export const loadConfig = async (options: LoadConfigOptions = {}): Promise<PantheonConfig> => {
  const { cwd = process.cwd(), file, env = process.env } = options;
  const path = file === undefined ? findConfig(cwd) : resolve(cwd, file);
  const environment = { cwd, replace: true };
  if (path === undefined) return withEnvironment({}, env, environment);
  const name = basename(path);
  if (!existsSync(path)) throw invalid(`There is no ${path}.`);
  if (!ENDINGS.some((ending) => name.endsWith(`.${ending}`))) {
    throw invalid(`${name} is no config file; it must end in .${ENDINGS.join(', .')}.`);
  }
  const value = await (name.endsWith('.json') ? readJson : readModule)(path, name);
  const config = withPathsFrom(requireConfig(value, name), dirname(path));
  return withEnvironment(config, env, environment);
};
