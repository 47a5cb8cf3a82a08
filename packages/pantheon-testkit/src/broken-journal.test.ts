import type { IJournalPort, RecordedTick, TickRecord } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { describeBroken, describeProved, insteadOf, type Wrap } from '../test/broken-ports.ts';
import { makeMemoryJournalHarness } from './memory-harnesses.ts';
import { journalSuite } from './index.ts';

const recordOf =
  (change: (record: TickRecord, journal: IJournalPort) => TickRecord): Wrap<IJournalPort> =>
  (journal) => ({
    ...journal,
    open: async (tick, options) => change(await journal.open(tick, options), journal),
  });

const stepOf = (step: (record: TickRecord) => TickRecord['step']): Wrap<IJournalPort> =>
  recordOf((record) => ({ ...record, step: step(record) }));

describeBroken<ReturnType<typeof makeMemoryJournalHarness>, IJournalPort>(
  'a journal port',
  journalSuite,
  makeMemoryJournalHarness,
  [
    ['keeps every rule', [], (journal) => journal],

    [
      'reads no capitals',
      ['journal:9'],
      (journal) => ({
        ...journal,
        open: (tick, options) =>
          journal.open(
            {
              ...tick,
              tickId: tick.tickId.toLowerCase(),
              actorId: tick.actorId.toLowerCase(),
              ...(tick.cause !== undefined && { cause: tick.cause.toLowerCase() }),
            },
            options,
          ),
      }),
    ],
    [
      'does not say what is wrong with an input',
      ['journal:8'],
      (journal) => ({
        ...journal,
        open: (tick, options) =>
          insteadOf(journal.open(tick, options), 'journal-invalid', () => {
            throw new PantheonError('journal-invalid', 'Something is wrong.');
          }),
      }),
    ],
    [
      'gives the second of two failing calls nothing',
      ['journal:4'],
      stepOf((record) => {
        const open = new Set<string>();
        return async (name, run) => {
          if (open.has(name)) return record.step(name, run).catch(() => null as never);
          open.add(name);
          return record.step(name, run).finally(() => open.delete(name));
        };
      }),
    ],
    [
      'reads after close',
      ['port:2'],
      (journal) => ({
        ...journal,
        read: (id) =>
          insteadOf(journal.read?.(id) ?? Promise.resolve(undefined), 'closed', () => undefined),
      }),
    ],
    [
      'hands out what it keeps',
      ['port:1'],
      (journal) => {
        const kept = new Map<string, RecordedTick>();
        return {
          ...journal,
          read: async (id) => {
            const tick = await journal.read?.(id);
            if (tick === undefined) return undefined;
            const key = JSON.stringify([
              id,
              tick.steps.length,
              tick.status,
              tick.attempt,
              tick.completedAt,
            ]);
            const one = kept.get(key) ?? tick;
            kept.set(key, one);
            return one;
          },
        };
      },
    ],
    [
      'counts every opening as the first',
      ['journal:1', 'journal:10', 'journal:11', 'journal:7'],
      recordOf((record) => ({ ...record, attempt: 1 })),
    ],
    [
      'forgets how a tick was completed',
      ['journal:1', 'journal:6'],
      recordOf((record) => ({ ...record, status: undefined })),
    ],
    [
      'goes by ids alone',
      ['journal:1', 'journal:10', 'journal:2', 'journal:6', 'journal:7', 'journal:9'],
      (journal) => ({
        ...journal,
        open: ({ tickId, actorId, input }, options) =>
          journal.open(
            { tickId, actorId, ...(input === undefined ? undefined : { input }) },
            options,
          ),
      }),
    ],
    [
      'takes the tick of another actor for the same',
      ['journal:2'],
      (journal) => ({
        ...journal,
        open: (tick, options) =>
          insteadOf(journal.open(tick, options), 'journal-conflict', () =>
            journal.open({ ...tick, tickId: `${tick.tickId}'` }),
          ),
      }),
    ],
    [
      'runs a recorded step again',
      [
        'journal:10',
        'journal:11',
        'journal:3',
        'journal:4',
        'journal:5',
        'journal:6',
        'journal:9',
        'journal:7',
      ],
      (journal) => {
        let steps = 0;
        const rename = (record: TickRecord): TickRecord => ({
          ...record,
          step: (name, run) => record.step(`${name} ${(steps += 1)}`, run),
        });
        return {
          ...journal,
          open: async (tick, options) => rename(await journal.open(tick, options)),
        };
      },
    ],
    [
      'hands out one object',
      ['journal:3'],
      (journal) => {
        const values = new Map<string, unknown>();
        return {
          ...journal,
          open: async (tick, options) => {
            const record = await journal.open(tick, options);
            return {
              ...record,
              step: async (name, run) => {
                const value = await record.step(name, run);
                const key = `${record.tickId} ${name}`;
                if (!values.has(key)) values.set(key, value);
                return values.get(key) as typeof value;
              },
            };
          },
        };
      },
    ],
    [
      'records a failure as null',
      ['journal:4'],
      stepOf((record) => (name, run) => {
        let failure: { readonly reason: unknown } | undefined;
        return record
          .step(name, async () => {
            try {
              return await run();
            } catch (reason) {
              failure = { reason };
              return null as never;
            }
          })
          .then((value) => {
            if (failure !== undefined) throw failure.reason;
            return value;
          });
      }),
    ],
    [
      'wraps what a run throws',
      ['journal:4'],
      stepOf(
        (record) => (name, run) =>
          record.step(name, run).catch((error: unknown) => {
            throw error instanceof Error && error.message === 'the till is closed'
              ? new Error('step failed', { cause: error })
              : error;
          }),
      ),
    ],
    [
      'runs one step after the other',
      ['journal:5'],
      (journal) => {
        return {
          ...journal,
          open: async (tick, options) => {
            const record = await journal.open(tick, options);
            let last: Promise<unknown> = Promise.resolve();
            return {
              ...record,
              step: (name, run) => {
                const step = last.then(() => record.step(name, run));
                last = step.catch(() => undefined);
                return step;
              },
            };
          },
        };
      },
    ],
    [
      'lets the last of two records win',
      ['journal:5', 'journal:7'],
      stepOf((record) => async (name, run) => {
        let last: () => ReturnType<typeof run> = () => record.step(name, run);
        await record.step(name, async () => {
          const value = await run();
          last = async () => value;
          return value;
        });
        return last();
      }),
    ],
    [
      'drops the steps of a finished tick',
      ['journal:6'],
      recordOf((record) =>
        record.status === undefined ? record : { ...record, step: async (_, run) => run() },
      ),
    ],
    [
      'completes for good',
      ['journal:6'],
      recordOf((record) => ({
        ...record,
        complete: async (status) => (status === undefined ? undefined : record.complete(status)),
      })),
    ],
    [
      'lists finished ticks as well',
      ['journal:7'],
      (journal) => ({
        ...journal,
        open: async (tick, options) => {
          const record = await journal.open(tick, options);
          return tick.tickId === 't1' && tick.cause === undefined && record.attempt === 1
            ? { ...record, complete: async () => void (await journal.unfinished()) }
            : record;
        },
      }),
    ],
    [
      'lists the newest first',
      ['journal:7', 'journal:9'],
      (journal) => ({
        ...journal,
        unfinished: async () => (await journal.unfinished()).toReversed(),
      }),
    ],
    [
      'loses the input',
      ['journal:10', 'journal:7', 'journal:8', 'port:1'],
      (journal) => ({
        ...journal,
        open: (tick, options) => journal.open({ ...tick, input: undefined }, options),
      }),
    ],
    [
      'records what JSON makes of a value',
      ['journal:8'],
      stepOf(
        (record) => (name, run) =>
          record.step(name, async () => {
            const value = await run();
            return (value instanceof Date ? value.toJSON() : value) as typeof value;
          }),
      ),
    ],
    [
      'keeps steps in an object',
      ['journal:9'],
      (journal) => ({
        ...journal,
        open: async (tick, options) => {
          const record = await journal.open(tick, options);
          return {
            ...record,
            step: async (name, run) => (name in {} ? ({} as never) : record.step(name, run)),
          };
        },
      }),
    ],
    [
      'cuts off the last step when it is read',
      ['journal:10'],
      (journal) => ({
        ...journal,
        read: async (tickId) => {
          const tick = await journal.read?.(tickId);
          return tick && { ...tick, steps: tick.steps.slice(0, -1) };
        },
      }),
    ],
    [
      'counts a reading as an opening',
      ['journal:10'],
      (journal) => ({
        ...journal,
        read: async (tickId) => {
          const tick = await journal.read?.(tickId);
          if (tick !== undefined) await journal.open(tick);
          return tick;
        },
      }),
    ],
    [
      'counts an opening that goes on',
      ['journal:11'],
      (journal) => ({ ...journal, open: (tick) => journal.open(tick) }),
    ],
    [
      'works after close',
      ['port:2'],
      (journal) => ({
        ...journal,
        unfinished: () => insteadOf(journal.unfinished(), 'closed', () => []),
      }),
    ],
    [
      'counts the openings of its own process',
      ['journal:1', 'journal:7', 'journal:11'],
      (journal) => {
        const counts = new Map<string, number>();
        return {
          ...journal,
          open: async (tick, options) => {
            const record = await journal.open(tick, options);
            if (options?.resume === true) return record;
            const attempt = (counts.get(record.tickId) ?? 0) + 1;
            counts.set(record.tickId, attempt);
            return { ...record, attempt };
          },
        };
      },
    ],
    [
      'finds only what its own process has left',
      ['journal:7'],
      (journal) => {
        const own = new Set<string>();
        return {
          ...journal,
          open: async (tick, options) => {
            const record = await journal.open(tick, options);
            own.add(record.tickId);
            return record;
          },
          unfinished: async () =>
            (await journal.unfinished()).filter(({ tickId }) => own.has(tickId)),
        };
      },
    ],
  ],
);

describeProved(journalSuite);
