/** The desk on real servers: messages through Redis, actors in SQLite, Redis and PostgreSQL. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithPostgres, describeWithRedis } from '@promethean/services/vitest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runDemo } from './run-demo.ts';

let notes = '';
beforeAll(async () => {
  notes = await mkdtemp(join(tmpdir(), 'pantheon-notes-'));
  await writeFile(join(notes, 'keys.md'), '# Keys\n\nRotate them with `keyctl rotate`.\n');
});
afterAll(() => rm(notes, { recursive: true }));

/** Asks two questions at once, so that a researcher is spawned as well. */
const ask = async (
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<string> => {
  const asked = ['--ask', 'How do I rotate the keys? And which command rotates the keys?'];
  const { code, stdout, stderr } = await runDemo(env, '--docs', notes, ...args, ...asked);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('failed')]);
  expect(stdout).toContain('keyctl rotate');
  return stderr;
};

test('actors are kept in a file, and taken up again', async () => {
  expect(await ask({}, '--state', 'sqlite')).toContain('-actors.db');
  await ask({}, '--state', 'sqlite');
});

describeWithRedis('the desk on Redis', (redis) => {
  test('messages go through it', async () => {
    const said = await ask({}, '--redis', redis().url);
    expect(said).toContain('messages through redis://');
    expect(said).toContain('researcher');
  });

  test('actors are kept in it, and taken up again', async () => {
    const args = ['--redis', redis().url, '--state', 'redis'] as const;
    expect(await ask({}, ...args)).toContain('actors in redis://');
    await ask({}, ...args);
  });
});

describeWithPostgres('the desk on PostgreSQL', (postgres) => {
  test('actors are kept in it, and taken up again', async () => {
    const env = { DATABASE_URL: postgres().url };
    expect(await ask(env, '--state', 'postgres')).toContain('actors in postgres://');
    await ask(env, '--state', 'postgres');
  });
});

test.each([
  [['--redis', 'redis://127.0.0.1:9'], '--redis: Redis was not ready within 5000 ms'],
  [['--redis', 'nonsense'], '--redis: url must look like redis://host:port'],
  [['--state', 'postgres'], '--state postgres needs DATABASE_URL'],
  [['--model', 'gpt-5'], '--model gpt-5 needs OPENAI_API_KEY, or OPENAI_BASE_URL'],
  [['--mcp', 'no-such-command'], '--mcp: Server "mcp" (no-such-command) cannot be used'],
])('%j is said in one line, before anything else', async (args, sentence) => {
  const { code, stdout, stderr } = await runDemo({}, '--docs', notes, ...args, '--ask', 'any?');
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(sentence)]);
});
