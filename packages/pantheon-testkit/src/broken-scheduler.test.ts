import type { CronOptions, IScheduler } from '@promethean/pantheon-core';
import type { ManualTimers } from '@promethean/pantheon-core/memory';
import { describeBroken, describeProved, codeOf, type Wrap } from '../test/broken-ports.ts';
import { type CronScheduler, cronSchedulerHarness } from '../test/cron-scheduler.ts';
import { sharedSchedulerHarness } from '../test/shared-scheduler.ts';
import { type Decorate, makeMemorySchedulerHarness } from './memory-harnesses.ts';
import { schedulerSuite } from './index.ts';

const everyOf =
  (
    every: (ms: number, task: () => unknown, scheduler: IScheduler) => () => void,
  ): Wrap<IScheduler> =>
  (scheduler) => ({
    ...scheduler,
    every: (ms, task) => every(ms, task, scheduler),
  });

describeBroken<ReturnType<typeof makeMemorySchedulerHarness>, IScheduler>(
  'a scheduler',
  schedulerSuite,
  makeMemorySchedulerHarness,
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
    [
      'leaves out every fourth run',
      ['schedule:1'],
      everyOf((ms, task, scheduler) => {
        let runs = 0;
        return scheduler.every(ms, () => ((runs += 1) % 4 === 0 ? undefined : task()));
      }),
    ],
    [
      'makes up for what it missed while the host was blocked',
      ['schedule:2'],
      (scheduler, timers) =>
        everyOf((ms, task) => {
          let last = timers.now();
          return scheduler.every(ms, () => {
            const missed = Math.floor((timers.now() - last) / ms) - 1;
            last = timers.now();
            for (let count = 0; count < missed; count += 1) task();
            const result = task();
            if (result instanceof Promise) {
              const over = (): void => {
                last = timers.now();
              };
              void result.then(over, over);
            }
            return result;
          });
        })(scheduler, timers),
    ],
    [
      'takes a run that rejects for one that is still open',
      ['schedule:2', 'schedule:5'],
      everyOf((ms, task, scheduler) => {
        let isOpen = false;
        return scheduler.every(ms, () => {
          if (isOpen) return undefined;
          const result = task();
          return result instanceof Promise
            ? result.catch(() => {
                isOpen = true;
              })
            : result;
        });
      }),
    ],
    [
      'goes on when a task ends its own schedule',
      ['schedule:4'],
      everyOf((ms, task, scheduler) => {
        let isRunning = false;
        const end = scheduler.every(ms, () => {
          isRunning = true;
          try {
            return task();
          } finally {
            isRunning = false;
          }
        });
        return () => (isRunning ? undefined : end());
      }),
    ],
    [
      'runs what is too far away for a timer at once',
      ['schedule:6'],
      everyOf((ms, task, scheduler) => scheduler.every(ms === 2_147_483_647 ? 1 : ms, task)),
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

type Cron = NonNullable<IScheduler['cron']>;

const cronWith =
  (cron: (...[call, scheduler]: [Parameters<Cron>, CronScheduler]) => () => void) =>
  (scheduler: CronScheduler): CronScheduler => ({
    ...scheduler,
    cron: (...call) => cron(call, scheduler),
  });

/** Takes another misfire than it was told. */
const misfireOf = (
  change: (misfire: CronOptions['misfire']) => CronOptions['misfire'],
): Decorate<CronScheduler, CronScheduler> =>
  cronWith(([expression, task, options], { cron }) =>
    cron(expression, task, { ...options, misfire: change(options?.misfire) ?? 'skip' }),
  );

describeBroken<ReturnType<typeof cronSchedulerHarness>, CronScheduler>(
  'a scheduler with cron',
  schedulerSuite,
  cronSchedulerHarness,
  [
    ['keeps every rule', [], (scheduler) => scheduler],
    [
      'never ends a cron schedule',
      ['schedule:9'],
      cronWith((call, { cron }) => {
        cron(...call);
        return () => undefined;
      }),
    ],
    [
      'reads every expression in UTC',
      ['schedule:9'],
      cronWith(([expression, task, options], { cron }) =>
        cron(expression, task, { ...options, timezone: 'UTC' }),
      ),
    ],
    [
      'goes by elapsed time whatever the expression',
      ['schedule:9'],
      cronWith((call, { cronBy }) => cronBy(() => true)(...call)),
    ],
    [
      'goes by the wall clock whatever the expression',
      ['schedule:9'],
      cronWith((call, { cronBy }) => cronBy(() => false)(...call)),
    ],
    [
      'never runs what it cannot read',
      ['schedule:9', 'schedule:11'],
      cronWith((call, { cron }) => {
        try {
          return cron(...call);
        } catch (error) {
          if (codeOf(error) === 'option-invalid') return () => undefined;
          throw error;
        }
      }),
    ],
    [
      'overlaps the runs of an expression',
      ['schedule:9', 'schedule:11'],
      cronWith(([expression, task, options], { cron }) =>
        cron(
          expression,
          () => {
            void Promise.resolve(task()).catch(() => undefined);
          },
          options,
        ),
      ),
    ],
    ['makes up for nothing', ['schedule:11'], misfireOf(() => 'skip')],
    [
      'makes up with one run for all',
      ['schedule:11'],
      misfireOf((misfire) => (misfire === 'all' ? 'once' : misfire)),
    ],
    ['makes up by default', ['schedule:11'], misfireOf((misfire = 'once') => misfire)],
    [
      'reads a misfire without regard to capitals',
      ['schedule:11'],
      misfireOf((misfire) =>
        typeof misfire === 'string' ? (misfire.toLowerCase() as 'all') : misfire,
      ),
    ],
    [
      'opens a cron schedule after close',
      ['port:2'],
      cronWith((call, { cron }) => {
        try {
          return cron(...call);
        } catch (error) {
          if (codeOf(error) === 'closed') return () => undefined;
          throw error;
        }
      }),
    ],
  ],
);

describeProved(schedulerSuite);
