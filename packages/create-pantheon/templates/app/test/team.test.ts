import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePantheon } from '@promethean/pantheon';
import { host } from '../src/actors/host.ts';
import { researcher } from '../src/actors/researcher.ts';
import { scribe } from '../src/actors/scribe.ts';
import { makeTools } from '../src/tools.ts';

void test('a question is answered from the notes and stands in the minutes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'team-'));
  const minutes = join(folder, 'minutes.md');
  const notes = join(import.meta.dirname, '../notes');
  // Ports in memory and no model, whatever the environment says.
  const pantheon = makePantheon(
    {
      actors: [{ script: host }, { script: researcher }, { script: scribe }],
      tools: makeTools({ notes, minutes }),
    },
    { env: {} },
  );
  const answer = new Promise<string>((resolve) => {
    pantheon.ports.bus.subscribe(({ content }) => resolve(content), { to: 'user' });
  });
  try {
    await pantheon.start();
    await pantheon.orchestrator.deliver('host', 'Who keeps the minutes?');
    assert.match(await answer, /scribe/);
  } finally {
    await pantheon.stop();
  }
  const written = await readFile(minutes, 'utf8');
  await rm(folder, { recursive: true });
  assert.match(written, /\*\*You\*\*: Who keeps the minutes\?\n.*\*\*Team\*\*: .*scribe/);
});
