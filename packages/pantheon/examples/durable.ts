/**
 * Durable: a process is killed in the middle of a tick, and the next one finishes the tick.
 * To see: the plan of the first process holds, and the step that it had done is not done again; the step in which it died is
 * repeated, with the same key; what both processes have spent is counted in one budget.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineScript, defineTool, makeLlmBehavior, makePantheon } from '@promethean/pantheon';
import type { TickReport } from '@promethean/pantheon';
import { makeScriptedLlm } from '@promethean/pantheon-core/memory';
import { z } from 'zod';

/** The process that dies gets the folder of its parent. */
const isFirst = process.argv[2] !== undefined;
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'pantheon-durable-'));
const bookings = join(folder, 'bookings.txt');

const book = defineTool({
  name: 'book',
  description: 'Books a part of a journey.',
  input: z.object({ part: z.string() }),
  idempotent: true, // May be called again when nobody can know whether the last call had its effect.
  run: ({ part }, { idempotencyKey }) => {
    appendFileSync(bookings, `${part} ${idempotencyKey} ${process.pid}\n`);
    // The effect has happened, and nothing has recorded it yet.
    if (isFirst && part === 'hotel') process.kill(process.pid, 'SIGKILL');
    return `${part} booked`;
  },
});

const tokens = (totalTokens: number) => ({
  inputTokens: totalTokens,
  outputTokens: 0,
  totalTokens,
});
const call = (part: string) => ({ id: part, name: 'book', args: { part } });
const plan = { toolCalls: [call('flight'), call('hotel')], usage: tokens(100) };
const first = makeScriptedLlm([{ role: 'assistant', content: '', ...plan }]);
const second = makeScriptedLlm([{ role: 'assistant', content: 'All booked.', usage: tokens(30) }]);

const agent = defineScript({
  name: 'agent',
  contextSources: [],
  talents: [{ name: 'travel', behaviors: [makeLlmBehavior({ maxTokens: 200 })] }],
  budget: { tokens: 1_000, toolCalls: 10 },
});

let end: (report: TickReport) => void = () => {};
const ended = new Promise<TickReport>((resolve) => {
  end = resolve;
});
const { start, stop, orchestrator, ports } = makePantheon({
  actors: [{ script: agent, goals: ['plan journeys'] }],
  tools: [book],
  llm: isFirst ? first : second,
  state: { file: join(folder, 'actors.db') },
  journal: { file: join(folder, 'journal.db') },
  observe: (event) => {
    if (event.type === 'tick-ended' && event.report !== undefined) end(event.report);
  },
});

if (isFirst) {
  await start();
  await orchestrator.deliver('agent', 'To Oslo, please.');
} else {
  const child = fork(import.meta.filename, [folder]);
  const [, signal] = await once(child, 'exit');
  console.log('the first process ended by', signal);
  assert.equal(signal, 'SIGKILL');
  const [left] = (await ports.journal?.unfinished()) ?? [];
  console.log('it left the tick', left?.tickId);

  await start(); // Goes on with what was left.
  const { tickId, status, actions } = await ended;
  console.log(`${tickId}: ${status}`, actions.at(-1));
  assert.equal(tickId, left?.tickId);
  assert.equal(status, 'ok');
  assert.equal(second.calls.length, 1); // For the answer; the plan was recorded.

  const lines = readFileSync(bookings, 'utf8').trim().split('\n');
  const made = lines.map((line) => line.split(' ') as [part: string, key: string, by: string]);
  for (const [part, key, by] of made) console.log(`${part} (${key}) by process ${by}`);
  assert.deepEqual(
    made.map(([part, , by]) => [part, Number(by)]),
    [
      ['flight', child.pid],
      ['hotel', child.pid],
      ['hotel', process.pid],
    ],
  );
  assert.equal(made[1]?.[1], made[2]?.[1]); // So the hotel can tell that it is one booking.

  const budget = await orchestrator.budgets.get('agent');
  console.log('spent:', budget?.spent);
  assert.deepEqual(budget?.spent, { tokens: 130, toolCalls: 3 });
  await stop();
  rmSync(folder, { recursive: true });
}
