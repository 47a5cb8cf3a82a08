import type { IScheduler } from '@promethean/pantheon-core';
import type { ManualTimers } from '@promethean/pantheon-core/memory';
import { describeBroken, codeOf } from '../test/broken-ports.ts';
import { schedulerHarness, sharedSchedulerHarness, type Wrap } from '../test/memory-harnesses.ts';
import { schedulerSuite } from './index.ts';

const everyOf =
  (
    every: (ms: number, task: () => unknown, scheduler: IScheduler) => () => void,
  ): Wrap<IScheduler> =>
  (scheduler) => ({
    ...scheduler,
    every: (ms, task) => every(ms, task, scheduler),
  });

describeBroken<ReturnType<typeof schedulerHarness>, IScheduler>(
  'a scheduler',
  schedulerSuite,
  schedulerHarness,
  [
    ['keeps every rule', [], (scheduler) => scheduler],
    [
      'overlaps runs',
      ['schedule:2'],
      everyOf((ms, task, scheduler) =>
        scheduler.every(ms, () => {
          void Promise.resolve(task()).catch(() => undefined);
        }),
      ),
    ],
    [
      'piles up missed runs',
      ['schedule:2'],
      everyOf((ms, task, scheduler) => {
        let missed = 0;
        let isOpen = false;
        const run = async (): Promise<void> => {
          isOpen = true;
          try {
            await task();
          } catch {
            // The schedule goes on.
          }
          isOpen = false;
          if (missed > 0) {
            missed -= 1;
            await run();
          }
        };
        return scheduler.every(ms, () => {
          if (isOpen) missed += 1;
          else void run();
        });
      }),
    ],
    [
      'drifts',
      // A new timer for each run also loses the place among those of the same time.
      ['schedule:1', 'schedule:7'],
      everyOf((ms, task, scheduler) => {
        scheduler.every(ms, () => undefined)();
        let isOpen = false;
        let isOver = false;
        let end = (): void => undefined;
        const run = async (): Promise<void> => {
          isOpen = true;
          try {
            await task();
          } catch {
            // The schedule goes on.
          }
          isOpen = false;
        };
        const next = (): void => {
          end = scheduler.once(ms, () => {
            if (!isOpen) void run();
            if (!isOver) next();
          });
        };
        next();
        return () => {
          isOver = true;
          end();
        };
      }),
    ],
    [
      'runs a task of delay 0 inside the call',
      ['schedule:3'],
      (scheduler) => ({
        ...scheduler,
        once: (ms, task) => {
          const end = scheduler.once(ms, task);
          if (ms === 0) {
            end();
            task();
          }
          return end;
        },
      }),
    ],
    [
      'runs a task before its time',
      ['schedule:3'],
      (scheduler) => ({
        ...scheduler,
        once: (ms, task) => scheduler.once(ms === 30 ? 22 : ms, task),
      }),
    ],
    [
      'runs what another task of the same time has ended',
      ['schedule:4'],
      (scheduler) => {
        let isRunning = false;
        const around = (task: () => unknown) => () => {
          isRunning = true;
          try {
            return task();
          } finally {
            isRunning = false;
          }
        };
        const later = (end: () => void) => () =>
          isRunning ? void Promise.resolve().then(end) : end();
        return {
          ...scheduler,
          every: (ms, task) => later(scheduler.every(ms, around(task))),
          once: (ms, task) => later(scheduler.once(ms, around(task))),
        };
      },
    ],
    [
      'runs a single task after it was ended',
      ['schedule:4'],
      (scheduler) => ({
        ...scheduler,
        once: (ms, task) => {
          const end = scheduler.once(ms, task);
          return ms === 40 ? () => undefined : end;
        },
      }),
    ],
    [
      'ends a schedule whose task throws',
      ['schedule:5'],
      everyOf((ms, task, scheduler) => {
        const end = scheduler.every(ms, () => {
          try {
            return task();
          } catch (error) {
            end();
            throw error;
          }
        });
        return end;
      }),
    ],
    [
      'treats NaN as one millisecond',
      ['schedule:6'],
      everyOf((ms, task, scheduler) => scheduler.every(Number.isNaN(ms) ? 1 : ms, task)),
    ],
    [
      'runs tasks of the same time in reverse',
      ['schedule:7'],
      (scheduler, timers) => {
        const waiting = new Map<number, (() => unknown)[]>();
        return {
          ...scheduler,
          once: (ms, task) => {
            const due = timers.now() + Number(ms);
            const tasks = waiting.get(due) ?? [];
            waiting.set(due, tasks);
            // Pairs keep their order: a case of another rule has one.
            if (tasks.push(task) > 2) tasks.reverse();
            return scheduler.once(ms, () => tasks.shift()?.());
          },
        };
      },
    ],
    [
      'keeps the process alive for nothing',
      ['port:2', 'schedule:8'],
      (scheduler, timers) => ({
        ...scheduler,
        once: (ms, task) => {
          const end = scheduler.once(ms, task);
          timers.set(() => undefined, 1_000_000_000);
          return end;
        },
      }),
    ],
    [
      'schedules after close',
      ['port:2'],
      (scheduler) => ({
        ...scheduler,
        once: (ms, task) => {
          try {
            return scheduler.once(ms, task);
          } catch (error) {
            if (codeOf(error) !== 'closed') throw error;
            return () => undefined;
          }
        },
      }),
    ],
  ],
);

const namedOf =
  (named: (name: string, scheduler: IScheduler) => IScheduler): Wrap<IScheduler> =>
  (scheduler) => ({ ...scheduler, named: (name) => named(name, scheduler) });

const namedBy = (scheduler: IScheduler, name: string): IScheduler => {
  if (scheduler.named === undefined) throw new Error('The scheduler must have "named".');
  return scheduler.named(name);
};

/** What ends the schedules of all processes, by the clock that they have in common. */
const endsOf = new WeakMap<ManualTimers, Set<() => void>>();

describeBroken<ReturnType<typeof sharedSchedulerHarness>, IScheduler>(
  'a scheduler over many processes',
  schedulerSuite,
  sharedSchedulerHarness,
  [
    ['keeps every rule', [], (scheduler) => scheduler],
    [
      'runs an instant in every process',
      ['schedule:10'],
      namedOf((_, { every, once }) => ({ every, once })),
    ],
    [
      'overlaps what another process runs',
      ['schedule:10'],
      namedOf((name, scheduler) => ({
        ...namedBy(scheduler, name),
        every: (ms, task) =>
          namedBy(scheduler, name).every(ms, () => {
            void Promise.resolve(task()).catch(() => undefined);
          }),
      })),
    ],
    [
      'runs what is to run once in every process',
      ['schedule:10'],
      namedOf((name, scheduler) => ({
        ...namedBy(scheduler, name),
        once: scheduler.once,
      })),
    ],
    ['ignores the name', ['schedule:10'], namedOf((_, scheduler) => namedBy(scheduler, 'all'))],
    [
      'ends for all when one stops',
      ['schedule:10'],
      (scheduler, timers) => {
        const ends = endsOf.get(timers) ?? new Set();
        endsOf.set(timers, ends);
        return namedOf((name, port) => {
          const schedules = namedBy(port, name);
          return {
            ...schedules,
            every: (ms, task) => {
              ends.add(schedules.every(ms, task));
              return () => ends.forEach((end) => end());
            },
          };
        })(scheduler, timers);
      },
    ],
  ],
);
