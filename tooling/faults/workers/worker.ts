/** One of several processes that run the same actors: `node worker.ts <settings as JSON>`. It is told what to do over IPC. */
import { randomUUID } from 'node:crypto';
import { makeOrchestrator, type IJournalPort, type ILeasePort } from '@promethean/pantheon-core';
import {
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';
import { makeClerk, makeClerkTools } from './clerk.ts';
import { openHistory } from './history.ts';
import { GROUP, type WorkerSettings } from './settings.ts';
import { closeStores, openStores } from './stores.ts';

/** What a worker can be told. */
export type Command =
  | { readonly do: 'listen' }
  | { readonly do: 'loop'; readonly actors: readonly string[]; readonly intervalMs: number };

const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
const { name, places, terms } = settings;
const history = openHistory(places.folder, name);
const script = makeClerk(settings);
const stores = await openStores(settings.stores, places, [script], terms);

/** Tells the history when a plan has been recorded. */
const watched = (journal: IJournalPort): IJournalPort => ({
  ...journal,
  open: async (tick, options) => {
    const record = await journal.open(tick, options);
    return {
      ...record,
      step: async (step, run) => {
        const value = await record.step(step, run);
        if (step.startsWith('plan ') && tick.cause !== undefined)
          history.note({
            event: 'planned',
            actor: tick.actorId,
            tick: record.tickId,
            order: tick.cause,
          });
        return value;
      },
    };
  },
});

/** Leases that end as soon as the test wants. */
const shortened = (leases: ILeasePort): ILeasePort => ({
  ...leases,
  acquire: (lease, options) => leases.acquire(lease, { ...options, ttlMs: terms.leaseMs }),
});

const tools = makeMemoryTools();
for (const tool of makeClerkTools(settings, stores.state)) tools.register(tool);
const { journal, leases } = stores;
/** By tick: the message that caused it. */
const causes = new Map<string, string>();
const orchestrator = makeOrchestrator(
  {
    now: Date.now,
    log: () => {},
    context: makeMemoryContext(),
    tools,
    llm: { complete: () => Promise.reject(new Error('There is no model here.')) },
    bus: stores.bus,
    schedule: makeMemoryScheduler(),
    state: stores.state,
    ...(journal && { journal: watched(journal) }),
    ...(leases && { leases: shortened(leases) }),
    observe: (event) => {
      if (event.type === 'tick-started') {
        causes.set(event.tickId, event.causeId ?? '');
        history.note({
          event: 'began',
          actor: event.actorId,
          tick: event.tickId,
          order: event.causeId ?? '',
        });
      }
      if (event.type === 'tick-ended') {
        const order = causes.get(event.tickId) ?? '';
        causes.delete(event.tickId);
        const status = event.report?.status ?? event.error?.code;
        history.note({ event: 'ended', actor: event.actorId, tick: event.tickId, order, status });
      }
    },
  },
  { newId: ({ id }) => `${id}-${randomUUID()}`, scripts: [script] },
);

const obey = async (command: Command): Promise<void> => {
  if (command.do === 'listen') {
    // With leases, at any time: what another process is at work on is left to it.
    if (journal !== undefined && leases !== undefined) await orchestrator.recover();
    orchestrator.listen({ group: GROUP });
    await stores.bus.ready?.();
    return;
  }
  for (const id of command.actors) {
    const actor = await stores.state.get(id);
    if (actor !== undefined) orchestrator.startActorLoop(actor, command.intervalMs);
  }
};

process.on('message', (command: Command) => {
  void obey(command).then(
    () => process.send?.({ event: 'done' }),
    (error: unknown) => process.send?.({ event: 'error', text: String((error as Error).stack) }),
  );
});
process.once('SIGTERM', () => {
  void (async () => {
    await orchestrator.stop();
    await closeStores(stores);
    process.exit(0);
  })();
});
// Whoever started us has died: nobody will end us any more.
process.once('disconnect', () => process.exit(0));
process.send?.({ event: 'ready' });
