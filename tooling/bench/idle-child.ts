/** `node idle-child.ts <contestant> <actors> <before|after>`: prints the heap bytes of one actor, before or after its first turn. */
import { makeOrchestrator } from '@promethean/pantheon-core';
import type { Actor } from '@promethean/pantheon-core';
import { makeMemoryState } from '@promethean/pantheon-core/memory';
import { makeNaiveLoop } from './naive-loop.ts';
import { collectGarbage } from './own-process.ts';
import { QUESTION, makeTurnDesk } from './turn-desk.ts';

const [contestant = '', actors = '', moment = ''] = process.argv.slice(2);
const count = Number(actors);
const withTurns = moment === 'after';
const { deps, actorOf, assertTurns } = makeTurnDesk(1);
const { script } = actorOf(0);
const input = { userMessage: QUESTION };

/** Makes one actor, and has it take its turn where that is asked for. */
type Make = (n: number) => Promise<void>;

const raw = (): Make => {
  const kept = Array.from<unknown>({ length: count });
  return async (n) => {
    kept[n] = { id: `a-${n}`, script, goals: ['answer'] };
    if (!withTurns) return;
    const messages = await deps.context.compile({ texts: [QUESTION], sources: [] });
    const { content } = await deps.llm.complete({ messages });
    await deps.tools.invoke('note', { text: content });
    await deps.bus.send({ from: `a-${n}`, to: 'user', content });
  };
};

const naive = (): Make => {
  const kept = new Map<string, Actor>();
  const { tickActor } = makeNaiveLoop(deps);
  return async (n) => {
    const actor: Actor = { id: `a-${n}`, script, goals: ['answer'] };
    kept.set(actor.id, actor);
    if (withTurns) await tickActor(actor, input);
  };
};

const ours = (): Make => {
  const state = makeMemoryState();
  const { deliver } = makeOrchestrator({ ...deps, state });
  return async () => {
    const { id } = await state.spawn(script, 'answer');
    if (withTurns) await deliver(id, QUESTION);
  };
};

const CONTESTANTS: Readonly<Record<string, () => Make>> = {
  'raw record': raw,
  'naive actor': naive,
  Pantheon: ours,
};

// The first one brings compiled code and the ports' own state along; only those after it count.
const makeOne = CONTESTANTS[contestant] as () => Make;
const warmUp = makeOne();
for (let n = 0; n < Math.min(count, 1_000); n += 1) await warmUp(n);
const make = makeOne();
await make(0);
await collectGarbage();
const before = process.memoryUsage().heapUsed;
for (let n = 1; n < count; n += 1) await make(n);
await collectGarbage();
const bytes = (process.memoryUsage().heapUsed - before) / (count - 1);
if (withTurns) assertTurns(count + Math.min(count, 1_000));
// Used once more, so that the engine cannot have let go of what was measured.
await make(count - 1);
process.stdout.write(JSON.stringify(bytes));
process.exit(0);
