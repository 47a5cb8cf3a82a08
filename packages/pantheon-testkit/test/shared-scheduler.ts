import type { IScheduler } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryScheduler,
  type ManualTimers,
} from '@promethean/pantheon-core/memory';
import type { Decorate } from '../src/memory-harnesses.ts';
import type { SchedulerHarness } from '../src/scheduler-suite.ts';

/** Schedulers of one store, as several processes have them: an instant of a named schedule runs in one that has it. */
const sharedSchedulers = (timers: ManualTimers): (() => IScheduler) => {
  const store = makeMemoryScheduler({ timers });
  const shared = new Map<
    string,
    { readonly tasks: Set<() => unknown>; readonly end: () => void }
  >();
  const share = (
    name: string,
    start: (run: () => unknown) => () => void,
    task: () => unknown,
  ): (() => void) => {
    const tasks = shared.get(name)?.tasks ?? new Set();
    if (!shared.has(name)) shared.set(name, { tasks, end: start(() => [...tasks][0]?.()) });
    const own = (): unknown => task();
    tasks.add(own);
    return () => {
      if (!tasks.delete(own) || tasks.size > 0) return;
      shared.get(name)?.end();
      shared.delete(name);
    };
  };
  return () => {
    const own = makeMemoryScheduler({ timers });
    return {
      ...own,
      named: (name) => ({
        every: (ms, task) => share(`${name} every ${ms}`, (run) => store.every(ms, run), task),
        once: (ms, task) => share(`${name} once ${ms}`, (run) => store.once(ms, run), task),
      }),
      close: async () => {
        await own.close();
        await store.close();
      },
    };
  };
};

export const sharedSchedulerHarness = (
  decorate: Decorate<IScheduler, IScheduler> = (scheduler) => scheduler,
): SchedulerHarness => {
  const timers = makeManualTimers();
  const make = sharedSchedulers(timers);
  const scheduler = make();
  const others: IScheduler[] = [];
  return {
    scheduler: decorate(scheduler, timers),
    another: () => {
      const other = make();
      others.push(other);
      return decorate(other, timers);
    },
    now: timers.now,
    advance: timers.advance,
    stall: timers.stall,
    pending: timers.pending,
    supports: ['named', 'close'],
    close: async () => {
      const closing = [scheduler, ...others].map(async (one) => one.close?.());
      await timers.advance(60_000);
      await Promise.all(closing);
    },
  };
};
