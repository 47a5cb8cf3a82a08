import { PantheonError, defineScript } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryLeases,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { requireConfig } from './config-schema.ts';

const script = defineScript({ name: 'echo', contextSources: [], talents: [] });

/** The sentences about a config, without their beginning. */
const problemsOf = (config: unknown): readonly string[] => {
  try {
    requireConfig(config, 'here');
    return [];
  } catch (error) {
    if (!PantheonError.is(error, 'option-invalid')) throw error;
    return error.message.split('\n').map((line) => line.replace(/^here: /, ''));
  }
};

describe('a config', () => {
  test('may be empty, and have undefined for every setting', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ actors: undefined, state: undefined, llm: undefined })).toEqual([]);
  });

  test('may have every setting as plain data', () => {
    const config = {
      actors: [{ script, goals: ['repeat'], id: 'first', loopMs: 1_000 }, { script }],
      scripts: [script],
      group: 'workers',
      state: { file: 'state.db' },
      context: { file: 'context.db', documents: { docs: './docs' } },
      tools: [{ name: 'now', invoke: () => 1 }],
      llm: { model: 'm', baseURL: 'http://127.0.0.1:1/v1', timeouts: { totalMs: Infinity } },
      log: { level: 'info', destination: 2, secrets: ['abcdef', undefined] },
      observe: () => undefined,
      now: Date.now,
      options: { maxRounds: 3, tickTimeoutMs: Infinity, actions: { print: () => 1 } },
    };
    expect(problemsOf(config)).toEqual([]);
    expect(requireConfig(config, 'here')).toBe(config);
  });

  test('may have a port of any make for every setting', () => {
    const config = {
      bus: makeMemoryBus(),
      state: makeMemoryState(),
      context: makeMemoryContext(),
      leases: makeMemoryLeases(),
      tools: makeMemoryTools(),
      llm: makeScriptedLlm([]),
      schedule: makeMemoryScheduler(),
      log: () => undefined,
    };
    expect(problemsOf(config)).toEqual([]);
  });
});

describe('an unknown setting is named with its path, with the nearest name and with all names', () => {
  test.each([
    [{ sate: 'memory' }, 'sate', 'state', 'actors, scripts, bus'],
    [{ state: { file: 'a', fle: 'b' } }, 'state.fle', 'file', 'file.'],
    [{ context: { document: {} } }, 'context.document', 'documents', 'file, documents.'],
    [{ actors: [{ script, gaols: [] }] }, 'actors[0].gaols', 'goals', 'script, goals, id, loopMs'],
    [{ llm: { timeouts: { totalMS: 1 } } }, 'llm.timeouts.totalMS', 'totalMs', 'headersMs'],
    [{ options: { maxRound: 1 } }, 'options.maxRound', 'maxRounds', 'maxRounds'],
    [{ log: { levle: 'info' } }, 'log.levle', 'level', 'level, destination'],
  ])('%j', (config, path, meant, names) => {
    const [problem] = problemsOf(config);
    expect(problem).toContain(`"${path}" is no setting; did you mean "${meant}"? Settings are `);
    expect(problem).toContain(names);
  });

  test('without a guess where nothing is near', () => {
    expect(problemsOf({ state: { file: 'a', postgres: 'b' } })).toEqual([
      '"state.postgres" is no setting. Settings are file.',
    ]);
  });
});

describe('a wrong value is said in one sentence', () => {
  test.each([
    [null, 'the config must be an object with settings.'],
    [[], 'the config must be an object with settings.'],
    [{ actors: {} }, '"actors" must be a list.'],
    [{ actors: [script] }, '"actors[0].name" is no setting.'],
    [{ actors: [{ script: {} }] }, '"actors[0].script" is no script: script.name must be'],
    [{ actors: [{ script, id: '' }] }, '"actors[0].id" must not be empty'],
    [{ actors: [{ script, id: 'user' }] }, '"actors[0].id" must not be "user"'],
    [{ actors: [{ script, loopMs: 0 }] }, '"actors[0].loopMs" must be a whole number'],
    [{ actors: [{ script, goals: 'all' }] }, '"actors[0].goals" must be a list.'],
    [{ scripts: [{ name: 'x' }] }, '"scripts[0]" is no script: script.contextSources must be'],
    [{ state: 'sqlite' }, '"state" must be "memory", { file } or a state port.'],
    [{ state: { file: 5 } }, '"state.file" must be the path of a file.'],
    [{ state: Promise.resolve() }, '"state" is a promise; await it.'],
    [{ bus: { send: () => 1 } }, '"bus" is no port: it lacks subscribe.'],
    [{ bus: {} }, '"bus" must be a bus.'],
    [{ leases: { file: 'leases.db' } }, '"leases" must be a lease port.'],
    [{ context: { documents: { docs: 5 } } }, '"context.documents.docs" must be the path'],
    [{ context: { documents: { conversation: 'x' } } }, '"context.documents" must not have'],
    [{ tools: [{ name: 'x' }] }, '"tools[0]" must be a tool, with name and invoke.'],
    [{ llm: 'gpt' }, '"llm" must be "offline", "openai", settings of a model or an LLM port.'],
    [{ llm: { baseURL: 'here' } }, '"llm.baseURL" must be an address such as'],
    [{ log: 'info' }, '"log" must be a function, settings of a log or false.'],
    [{ log: { level: 'loud' } }, '"log.level" must be one of trace, debug, info'],
    [{ observe: {} }, '"observe" must be a function.'],
    [{ options: { maxRounds: '3' } }, '"options.maxRounds" must be a number.'],
    [{ options: { actions: { print: 1 } } }, '"options.actions.print" must be a function.'],
  ])('%j', (config, beginning) => {
    const [problem] = problemsOf(config);
    expect(problem?.slice(0, beginning.length)).toBe(beginning);
  });

  test('all of them at once, each on a line of its own', () => {
    expect(problemsOf({ bus: 1, state: 2 })).toHaveLength(2);
  });

  test('without the value, which may be a secret', () => {
    const problems = problemsOf({ llm: { apiKey: 5, headers: { authorization: 12_345 } } });
    expect(problems).toEqual([
      '"llm.apiKey" must be a string, or a function that gives one.',
      '"llm.headers.authorization" must be a string.',
    ]);
  });

  test('a config that nobody awaited', () => {
    expect(() => requireConfig(Promise.resolve({}), 'makePantheon')).toThrow(
      'makePantheon: the config is a promise; await it.',
    );
  });

  test('two actors with one id', () => {
    expect(problemsOf({ actors: [{ script }, { script }] })).toEqual([
      '"actors[1].id" is "echo", and so is that of actors[0]; give each actor an id of its own.',
    ]);
  });
});
