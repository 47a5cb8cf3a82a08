import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PantheonError, isActor } from '@promethean/pantheon-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { importFailure, loadConfig } from './load-config.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** An application's folder, in which this package is installed. */
let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pantheon-config-'));
  await mkdir(join(cwd, 'node_modules/@promethean'), { recursive: true });
  await symlink(PACKAGE, join(cwd, 'node_modules/@promethean/pantheon'));
  await writeFile(join(cwd, 'package.json'), '{ "type": "module" }');
});
afterEach(() => rm(cwd, { recursive: true }));

const write = (name: string, text: string): Promise<void> => writeFile(join(cwd, name), text);
const load = (options: Parameters<typeof loadConfig>[0] = {}): ReturnType<typeof loadConfig> =>
  loadConfig({ cwd, env: {}, ...options });

const TYPED = `
import { defineConfig, defineScript } from '@promethean/pantheon';
const script = defineScript({ name: 'echo', contextSources: [], talents: [] });
export default defineConfig({ actors: [{ script, goals: ['repeat'] as const }] });
`;

describe('a config file', () => {
  test.each(['pantheon.config.ts', 'pantheon.config.mts'])('can be %s', async (name) => {
    await write(name, TYPED);
    const { actors = [] } = await load();
    expect(actors.map(({ script, goals }) => isActor({ id: 'a', script, goals }))).toEqual([true]);
  });

  test.each(['js', 'mjs'])('can be pantheon.config.%s, with a named export', async (ending) => {
    await write(`pantheon.config.${ending}`, 'export const config = { llm: "offline" };');
    expect(await load()).toEqual({ llm: 'offline' });
  });

  test('can be JSON, for settings', async () => {
    // With the mark that some editors write.
    await write('pantheon.config.json', '\uFEFF{ "llm": "offline", "log": false }');
    expect(await load()).toEqual({ llm: 'offline', log: false });
  });

  test('can be any file that is named', async () => {
    await mkdir(join(cwd, 'settings'));
    await write('settings/small.json', '{ "group": "workers" }');
    expect(await load({ file: 'settings/small.json' })).toEqual({ group: 'workers' });
  });

  test('has paths that begin at its folder', async () => {
    await mkdir(join(cwd, 'settings'));
    const config = {
      state: { file: 'kept/state.db' },
      context: { documents: { docs: '../docs' } },
      log: { destination: 'app.log' },
    };
    await write('settings/pantheon.config.json', JSON.stringify(config));
    expect(await load({ file: 'settings/pantheon.config.json' })).toEqual({
      state: { file: join(cwd, 'settings/kept/state.db') },
      context: { documents: { docs: join(cwd, 'docs') } },
      log: { destination: join(cwd, 'settings/app.log') },
    });
  });

  test('need not be there', async () => {
    expect(await load()).toEqual({});
    expect(await load({ env: { PANTHEON_LLM: 'offline' } })).toEqual({ llm: 'offline' });
  });

  test('comes after the environment', async () => {
    await write('pantheon.config.json', '{ "llm": "openai", "state": { "file": "a.db" } }');
    const env = { PANTHEON_LLM: 'offline', PANTHEON_STATE: 'b.db' };
    expect(await load({ env })).toEqual({ llm: 'offline', state: { file: join(cwd, 'b.db') } });
  });
});

describe('what is wrong with a config file is option-invalid, with its name', () => {
  const problem = async (options?: Parameters<typeof loadConfig>[0]): Promise<string> => {
    const error: unknown = await load(options).catch((reason: unknown) => reason);
    if (!PantheonError.is(error, 'option-invalid')) throw error;
    return error.message;
  };

  test('two files', async () => {
    await write('pantheon.config.ts', TYPED);
    await write('pantheon.config.json', '{}');
    expect(await problem()).toContain('has pantheon.config.ts and pantheon.config.json; keep one');
  });

  test('a file that is not there, or no config file', async () => {
    expect(await problem({ file: 'other.ts' })).toBe(`There is no ${join(cwd, 'other.ts')}.`);
    await write('config.yaml', '');
    expect(await problem({ file: 'config.yaml' })).toBe(
      'config.yaml is no config file; it must end in .ts, .mts, .js, .mjs, .json.',
    );
  });

  test('an unknown setting', async () => {
    await write('pantheon.config.js', 'export default { sate: "memory" };');
    expect(await problem()).toMatch(
      /^pantheon\.config\.js: "sate" is no setting; did you mean "state"\? Settings are /,
    );
  });

  test('a module without a config', async () => {
    await write('pantheon.config.js', 'export const settings = {};');
    expect(await problem()).toContain(
      'pantheon.config.js exports no config; write: export default',
    );
  });

  test('a module that throws, or that is no JavaScript, with the line', async () => {
    await write('a.mjs', '\n\nthrow new Error("no database");');
    expect(await problem({ file: 'a.mjs' })).toBe('a.mjs:3 cannot be loaded: no database');
    await write('b.mjs', 'export default {');
    expect(await problem({ file: 'b.mjs' })).toContain('cannot be loaded: ');
  });

  test('JSON that is broken, or that has actors', async () => {
    await write('pantheon.config.json', '{ "llm": }');
    expect(await problem()).toContain('pantheon.config.json cannot be read: ');
    await write('pantheon.config.json', '{ "actors": [] }');
    expect(await problem()).toContain('"actors" have functions, which JSON cannot hold');
    await write('pantheon.config.json', 'null');
    expect(await problem()).toBe(
      'pantheon.config.json: the config must be an object with settings.',
    );
  });

  test('TypeScript for a Node that does not run it', () => {
    const reason = Object.assign(new Error('Unknown file extension ".ts"'), {
      code: 'ERR_UNKNOWN_FILE_EXTENSION',
    });
    expect(importFailure(reason, 'pantheon.config.mts').message).toBe(
      `pantheon.config.mts: Node ${process.versions.node} does not run TypeScript; use Node 22.18 or newer, or write pantheon.config.js.`,
    );
  });
});
