import { resolve } from 'node:path';
import { makeMemoryState, makeScriptedLlm } from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import type { PantheonConfig } from './config.ts';
import {
  type Environment,
  openAiEnvironment,
  unknownVariables,
  withEnvironment,
} from './environment.ts';

const CWD = resolve('/project');
const replaced = (config: PantheonConfig, env: Environment): PantheonConfig =>
  withEnvironment(config, env, { cwd: CWD, replace: true });
const completed = (config: PantheonConfig, env: Environment): PantheonConfig =>
  withEnvironment(config, env, { cwd: CWD, replace: false });

const EVERYTHING = {
  PANTHEON_STATE: 'kept/state.db',
  PANTHEON_CONTEXT: 'kept/context.db',
  PANTHEON_LLM: 'offline',
  PANTHEON_LOG_LEVEL: 'debug',
};

describe('with a config file, the environment', () => {
  test('takes the place of plain settings, and leaves the rest of them', () => {
    const config = {
      state: 'memory',
      context: { file: '/elsewhere.db', documents: { docs: '/docs' } },
      llm: { model: 'large', apiKey: 'sk-1' },
      log: { level: 'warn', name: 'app' },
    } as const;
    expect(replaced(config, EVERYTHING)).toEqual({
      state: { file: resolve(CWD, 'kept/state.db') },
      context: { file: resolve(CWD, 'kept/context.db'), documents: { docs: '/docs' } },
      llm: 'offline',
      log: { level: 'debug', name: 'app' },
    });
    expect(replaced(config, { PANTHEON_LLM: 'openai' })).toEqual(config);
    expect(replaced({ log: false }, EVERYTHING).log).toEqual({ level: 'debug' });
  });

  test('can say that nothing is kept', () => {
    const env = { PANTHEON_STATE: 'memory', PANTHEON_CONTEXT: ':memory:' };
    const config = { state: { file: '/a.db' }, context: { file: '/b.db' } };
    expect(replaced(config, env)).toEqual({ state: 'memory', context: 'memory' });
    const documents = { docs: '/docs' };
    expect(replaced({ context: { file: '/b.db', documents } }, env).context).toEqual({ documents });
  });

  test('does not touch ports and functions', () => {
    const config = { state: makeMemoryState(), llm: makeScriptedLlm([]), log: () => undefined };
    const { state, llm, log } = replaced(config, EVERYTHING);
    expect({ state, llm, log }).toEqual(config);
    expect(state).toBe(config.state);
  });

  test('counts an empty variable as not set', () => {
    const empty = Object.fromEntries(Object.keys(EVERYTHING).map((name) => [name, '']));
    expect(replaced({ state: { file: '/a.db' } }, empty)).toEqual({ state: { file: '/a.db' } });
  });
});

describe('with settings of code, the environment', () => {
  test('completes what is left out', () => {
    expect(completed({}, EVERYTHING)).toMatchObject({
      state: { file: resolve(CWD, 'kept/state.db') },
      llm: 'offline',
      log: { level: 'debug' },
    });
    expect(completed({ log: { name: 'app' } }, EVERYTHING).log).toEqual({
      level: 'debug',
      name: 'app',
    });
  });

  test('may have variables of a service that happens to be called pantheon', () => {
    const env = { PANTHEON_PORT: 'tcp://10.0.0.1:80', PANTHEON_SERVICE_HOST: '10.0.0.1' };
    expect(completed({}, env)).toEqual({});
    expect(unknownVariables({ ...EVERYTHING, ...env, HOME: '/' })).toEqual(Object.keys(env));
  });

  test('changes nothing else', () => {
    const config = { state: 'memory', context: 'memory', llm: 'openai', log: false } as const;
    expect(completed(config, EVERYTHING)).toEqual(config);
    const leveled = { log: { level: 'error' } } as const;
    expect(completed(leveled, { PANTHEON_LOG_LEVEL: 'debug' })).toEqual(leveled);
  });
});

describe('a malformed variable is named', () => {
  test.each([
    ['PANTHEON_LLM', 'gpt', 'must be one of offline, openai, not "gpt".'],
    ['PANTHEON_LOG_LEVEL', 'LOUD', 'must be one of trace, debug, info, warn, error, fatal, silent'],
    ['PANTHEON_STATE', 'redis://:password@host', 'must be "memory" or the path of a file, not an'],
    ['PANTHEON_CONTEXT', 'postgres://host', 'must be "memory" or the path of a file, not an'],
    ['PANTHEON_STAT', 'a.db', 'is no variable of Pantheon; did you mean PANTHEON_STATE.'],
    ['PANTHEON_LOGLEVEL', 'info', 'is no variable of Pantheon; did you mean PANTHEON_LOG_LEVEL.'],
    ['PANTHEON_STATE', 'a\0b', 'must be the path of a file, without a zero byte'],
  ])('%s=%s', (name, value, problem) => {
    const act = (): unknown => replaced({}, { [name]: value });
    expect(act).toThrow(expect.objectContaining({ code: 'option-invalid' }) as Error);
    expect(act).toThrow(`${name} ${problem}`);
    expect(act).not.toThrow('password');
  });

  test.each(['localhost:1234', 'nonsense', 'ftp://host/'])('OPENAI_BASE_URL=%s', (value) => {
    expect(() => openAiEnvironment({ OPENAI_BASE_URL: value })).toThrow('OPENAI_BASE_URL must be');
  });
});
