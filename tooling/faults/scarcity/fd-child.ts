/** A process with few file descriptors: it uses them up, works all the same, and goes on when they are back. Prints what it saw. */
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import { PantheonError, makeOrchestrator } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { behavior } from '../desk.ts';

/** What the process saw, with codes of errors or `ok`. */
export interface Seen {
  readonly used: number;
  readonly during: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
  readonly unhandled: number;
  readonly listed: number;
}

const [redisUrl] = process.argv.slice(2);
let unhandled = 0;
process.on('unhandledRejection', () => (unhandled += 1));
process.on('uncaughtException', () => (unhandled += 1));

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (PantheonError.is(error) ? error.code : `foreign: ${String(error)}`),
  );

const folder = mkdtempSync(join(tmpdir(), 'pantheon-descriptors-'));
const tools = makeMemoryTools();
tools.register({ name: 'read', invoke: () => readFile(import.meta.filename, 'utf8') });
tools.register({ name: 'count', invoke: () => 1 });
const script = {
  name: 'reader',
  contextSources: [],
  talents: [
    {
      name: 'all',
      behaviors: [
        behavior('read', [
          { type: 'tool', name: 'read', args: {} },
          { type: 'tool', name: 'count', args: {} },
        ]),
      ],
    },
  ],
};
const state = makeSqliteState({ path: join(folder, 'state.db'), scripts: [script] });
const journal = makeSqliteJournal({ path: join(folder, 'journal.db') });
const orchestrator = makeOrchestrator({
  now: Date.now,
  log: () => {},
  context: makeMemoryContext(),
  tools,
  llm: makeScriptedLlm([]),
  bus: makeMemoryBus(),
  schedule: makeMemoryScheduler(),
  state,
  journal,
});
const actor = await state.spawn(script, 'read', { id: 'ada' });
await orchestrator.tickActor(actor);

const held: number[] = [];
try {
  for (;;) held.push(openSync('/dev/null', 'r'));
} catch {
  // None is left.
}
const bus =
  redisUrl === undefined ? undefined : makeRedisBus({ url: redisUrl, sendTimeoutMs: 500 });
let others = 0;
const probe = async (): Promise<Record<string, string>> => {
  others += 1;
  const other = makeSqliteState({ path: join(folder, `other-${others}.db`), scripts: [script] });
  const { outcomes } = await orchestrator.tickActor(actor);
  const codes = {
    toolWithFile: outcomes[0]?.error?.code ?? outcomes[0]?.status ?? 'none',
    tool: outcomes[1]?.error?.code ?? outcomes[1]?.status ?? 'none',
    openState: await codeOf(state.spawn(script, 'more', { id: `more-${others}` })),
    newState: await codeOf(other.ready()),
    redis: bus === undefined ? 'none' : await codeOf(bus.ready()),
  };
  await other.close();
  return codes;
};
const during = await probe();
for (const descriptor of held) closeSync(descriptor);
const after = await probe();
const seen: Seen = {
  used: held.length,
  during,
  after,
  unhandled,
  listed: (await state.list()).length,
};
await orchestrator.stop();
for (const port of [bus, journal, state]) await port?.close();
rmSync(folder, { recursive: true });
console.log(JSON.stringify(seen));
