/**
 * A process that handles one message and kills itself at a point of the tick. Started again, it finishes what it left, and is given
 * the message once more, as a bus would that has got no acknowledgement.
 */
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import { makeOrchestrator } from '@promethean/pantheon-core';
import type { ActorScript, BusMessage, IJournalPort, Plan } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';
import { type JournalPlace, openJournal } from './journals.ts';
import type { CrashPoint } from './points.ts';

/** What a child is started with, as JSON. */
export interface ChildSettings extends JournalPlace {
  /** The server that counts plans and effects. */
  readonly counter: string;
  readonly crashAt?: CrashPoint | undefined;
  /** Without a journal: what a naive application does. */
  readonly isNaive: boolean;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as ChildSettings;
const { folder, counter, crashAt, isNaive } = settings;

const reach = (point: CrashPoint): void => {
  if (point === crashAt) process.kill(process.pid, 'SIGKILL');
};

const count = async (what: string, key: string): Promise<void> => {
  const response = await fetch(`${counter}/${what}/${encodeURIComponent(key)}`, { method: 'POST' });
  if (!response.ok) throw new Error(`The counter answered ${response.status}.`);
  await response.arrayBuffer();
};

/** Dies between the steps of a tick. */
const watched = (journal: IJournalPort): IJournalPort => ({
  ...journal,
  open: async (tick, options) => {
    const record = await journal.open(tick, options);
    return {
      ...record,
      step: async (name, run) => {
        const value = await record.step(name, run);
        if (name.startsWith('plan ')) reach('plan recorded');
        // Of the two actions, the second one's: whatever was done before must stay done.
        if (name.startsWith('intent 0/0/1')) reach('intent recorded');
        if (name.startsWith('action 0/0/1')) reach('outcome recorded');
        return value;
      },
      complete: async (status) => {
        reach('before complete');
        await record.complete(status);
        reach('before acknowledge');
      },
    };
  },
});

const tools = makeMemoryTools();
tools.register({
  name: 'charge',
  // Its server recognises a key that it has seen, so that the call may be repeated.
  onUnknown: 'retry',
  invoke: async (_args, call) => {
    await count('effect', call.idempotencyKey ?? '');
    return 'charged';
  },
});
tools.register({
  name: 'ship',
  idempotent: false,
  onUnknown: 'retry',
  invoke: async (_args, call) => {
    await count('effect', call.idempotencyKey ?? '');
    reach('during the tool');
    return 'shipped';
  },
});

const script: ActorScript = {
  name: 'clerk',
  contextSources: [],
  talents: [
    {
      name: 'orders',
      behaviors: [
        {
          name: 'handle',
          mode: 'active',
          plan: async ({ message }): Promise<Plan> => {
            reach('before plan');
            await count('plan', message?.id ?? '');
            return {
              actions: [
                { type: 'tool', name: 'charge', args: {} },
                { type: 'tool', name: 'ship', args: {} },
                { type: 'message', target: 'user', content: 'done' },
              ],
            };
          },
        },
      ],
    },
  ],
};

const state = makeSqliteState({ path: `${folder}/actors.db`, scripts: [script] });
const journal = await openJournal(settings);
const orchestrator = makeOrchestrator({
  now: Date.now,
  log: () => {},
  context: makeMemoryContext(),
  tools,
  llm: { complete: () => Promise.reject(new Error('There is no model here.')) },
  bus: makeMemoryBus(),
  schedule: makeMemoryScheduler(),
  state,
  ...(isNaive ? undefined : { journal: watched(journal) }),
});
const actor = await state.spawn(script, 'handle the orders', { id: 'ada' });
const message: BusMessage = {
  id: 'order-1',
  from: 'user',
  to: 'ada',
  content: 'one kettle',
  sentAt: 0,
  hops: 0,
};
if (!isNaive) await (await orchestrator.recover()).ended;
await orchestrator.tickActor(actor, { userMessage: message.content, message });
reach('before acknowledge');
await orchestrator.stop();
const left = await journal.unfinished();
await state.close();
await journal.close?.();
process.stdout.write(JSON.stringify({ left: left.length }));
