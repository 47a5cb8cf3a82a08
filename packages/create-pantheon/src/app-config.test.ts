import { expect, test } from 'vitest';
import { adapters } from './adapters.ts';
import {
  chooseAdapters,
  configText,
  envText,
  manifestText,
  modelText,
  needsOf,
} from './app-config.ts';
import { readOwnPackage } from './own-package.ts';

test('every adapter of ours is known, and no other', async () => {
  const { versions } = await readOwnPackage();
  const names = Object.keys(versions).filter((name) => name.startsWith('@promethean/adapter-'));
  const known = Object.keys(adapters).map((name) => `@promethean/adapter-${name}`);
  expect(known.toSorted()).toEqual(names.toSorted());
});

test('an adapter brings its package, its line in the config, its variables and what it needs', async () => {
  const { versions } = await readOwnPackage();
  const chosen = chooseAdapters(['@promethean/adapter-redis-bus', 'sqlite-state']);
  const manifest = JSON.parse(manifestText('my-app', chosen, versions)) as object;
  expect(manifest).toMatchObject({
    name: 'my-app',
    dependencies: {
      '@promethean/adapter-redis-bus': versions['@promethean/adapter-redis-bus'],
      '@promethean/pantheon': versions['@promethean/pantheon'],
    },
  });
  const config = configText('@acme/my-app', chosen);
  expect(config).toContain("import { makeRedisBus } from '@promethean/adapter-redis-bus';");
  expect(config).toContain("const namespace = 'my-app';");
  expect(config).toContain("state: { file: '.pantheon/actors.db' },");
  expect(envText(chosen)).toContain('# REDIS_URL=redis://127.0.0.1:6379');
  expect(needsOf(chosen)).toEqual([
    'redis-bus needs a Redis of version 6.2 or later at REDIS_URL.',
  ]);
});

test.each([
  [[], 'Without a key, answers are quotes'],
  [['openai-llm'], 'The app needs a model to start.'],
  [['offline-llm'], 'Answers are quotes from the notes, with a key too.'],
  [['ai-sdk-llm'], 'The researcher answers in the words of the model in `pantheon.config.ts`'],
])('the README of an app with %j says how it comes to a model', (names, beginning) => {
  const text = modelText(chooseAdapters(names));
  expect(text.slice(0, beginning.length)).toBe(beginning);
});

test('processes that share a bus share the work: a message is handled by one of them', () => {
  expect(configText('my-app', chooseAdapters(['redis-bus']))).toContain('  group: namespace,\n');
  expect(configText('my-app', chooseAdapters(['redis-lease']))).not.toContain('group');
});

test('an adapter that is named twice is there once', () => {
  expect(chooseAdapters(['redis-bus', '@promethean/adapter-redis-bus']).names).toEqual([
    'redis-bus',
  ]);
});

test.each([
  [
    ['redis-bus', 'sqlite-journal'],
    ['redis-bus', 'sqlite-journal', 'redis-lease'],
  ],
  [['postgres-journal', 'redis-bus', 'postgres-lease'], undefined],
  [['redis-bus', 'redis-state'], undefined],
  [['redis-journal'], undefined],
])('of %j a process can take up what another left in the journal', (names, all = names) => {
  expect(chooseAdapters(names).names).toEqual(all);
});

test.each([
  [[], 'Without these, answers are quotes'],
  [['openai-llm'], 'The app does not start without a key or an address.'],
  [['ai-sdk-llm'], 'AI_BASE_URL='],
  [['offline-llm'], 'PANTHEON_STATE='],
])('the .env.example of an app with %j speaks of the model that it has', (names, line) => {
  const text = envText(chooseAdapters(names));
  expect(text).toContain(line);
  expect(text.includes('quotes')).toBe(names.length === 0);
  expect(text.includes('OPENAI_')).toBe(names.length === 0 || names[0] === 'openai-llm');
});

test.each(['redis-bus', 'bullmq-scheduler'])('an app with %s shows no stack traces', (name) => {
  expect(configText('my-app', chooseAdapters([name]))).toContain('console.error(String(error))');
});

test('what has to be installed stands in package.json once, and in order', async () => {
  const { versions } = await readOwnPackage();
  const chosen = chooseAdapters(['ai-sdk-llm', 'mcp-tools']);
  const { dependencies } = JSON.parse(manifestText('my-app', chosen, versions)) as {
    readonly dependencies: object;
  };
  expect(Object.keys(dependencies)).toEqual([
    '@ai-sdk/openai-compatible',
    '@promethean/adapter-ai-sdk-llm',
    '@promethean/adapter-function-tools',
    '@promethean/adapter-mcp-tools',
    '@promethean/pantheon',
    '@promethean/pantheon-core',
    'ai',
    'zod',
  ]);
});

test.each([
  [['redis-buss'], 'There is no adapter "redis-buss".', 'Did you mean "redis-bus"?'],
  [['postgres'], 'There is no adapter "postgres".', 'Did you mean "postgres-'],
  [['sqlite-sate'], 'There is no adapter "sqlite-sate".', 'Did you mean "sqlite-state"?'],
  [['toString'], 'There is no adapter "toString".', 'Adapters are ai-sdk-llm, '],
  [['redis-state', 'sqlite-state'], 'redis-state and sqlite-state are both for the state.', 'one'],
  [['cron-scheduler', 'bullmq-scheduler'], 'are both for the scheduler.', 'Choose one of them.'],
])('%j is refused: %s %s', (names, message, advice) => {
  const choose = (): unknown => chooseAdapters(names);
  expect(choose).toThrow(message);
  expect(choose).toThrow(
    expect.objectContaining({ advice: expect.stringContaining(advice) as string }) as Error,
  );
});
