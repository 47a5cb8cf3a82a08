/** A scheduler with cron, for the suite's own tests: it knows the few forms of expressions that the suite has. */
import { type CronOptions, type IScheduler, PantheonError } from '@promethean/pantheon-core';
import { type Decorate, makeMemorySchedulerHarness } from '../src/memory-harnesses.ts';
import type { SchedulerHarness } from '../src/scheduler-suite.ts';

const MINUTE = 60_000;
const DAY = 24 * 60;

const invalid = (problem: string): PantheonError => new PantheonError('option-invalid', problem);

/** Whether a minute, counted by the wall clock, is one of the expression's. */
const readExpression = (expression: string): ((minute: number) => boolean) => {
  const fields = expression.split(' ');
  const isField = (field: string, most: number): boolean =>
    /^(\*|\*\/\d+|\d+)$/.test(field) && !(Number(field) > most);
  const [minutes = '', hours = ''] = fields;
  if (fields.length !== 5 || !isField(minutes, 59) || !isField(hours, 23))
    throw invalid(`"${expression}" is no expression.`);
  const meets = (field: string, value: number): boolean =>
    field.startsWith('*')
      ? value % Number(field.split('/')[1] ?? 1) === 0
      : Number(field) === value;
  return (minute) => meets(minutes, minute % 60) && meets(hours, Math.floor((minute % DAY) / 60));
};

/** The minute that the clocks of a zone show, counted from 1970 as they do. */
const readZone = (timeZone: string): ((epochMs: number) => number) => {
  const format = (() => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
    } catch {
      throw invalid(`"${timeZone}" is no time zone.`);
    }
  })();
  return (epochMs) => {
    const [, sign = '+', hours = '0', minutes = '0'] =
      /GMT([+-])(\d+):(\d+)/.exec(format.format(epochMs)) ?? [];
    return epochMs / MINUTE + Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes));
  };
};

/** Looks at every minute. `isElapsed` tells which expressions go by elapsed time; the others go by the wall clock. */
const cronOf = (
  scheduler: IScheduler,
  now: () => number,
  isElapsed = (expression: string) => expression.split(' ')[1] === '*',
): NonNullable<IScheduler['cron']> => {
  return (expression, task, { timezone = 'UTC', misfire = 'skip' }: CronOptions = {}) => {
    const isDue = readExpression(expression);
    const shown = readZone(timezone);
    if (!['skip', 'once', 'all'].includes(misfire)) throw invalid(`"${misfire}" is no misfire.`);
    let seen = Math.floor(now() / MINUTE) * MINUTE;
    let highest = shown(seen);
    let left = 0;
    let isOpen = false;
    let end = (): void => undefined;
    let isOver = false;

    const run = async (): Promise<void> => {
      isOpen = true;
      for (; left > 0 && !isOver; left -= 1) {
        try {
          await task();
        } catch {
          // The schedule goes on.
        }
      }
      isOpen = false;
    };
    /** Whether the next minute has a fire: of all that the clocks show or leave out with it. */
    const nextIsDue = (): boolean => {
      seen += MINUTE;
      const minute = shown(seen);
      if (isElapsed(expression)) return isDue(minute);
      let isOne = false;
      while (highest < minute) {
        highest += 1;
        isOne ||= isDue(highest);
      }
      return isOne;
    };
    const look = (): unknown => {
      let missed = 0;
      let current = 0;
      while (seen + MINUTE <= now())
        if (nextIsDue()) {
          if (now() - seen > MINUTE) missed += 1;
          else current += 1;
        }
      if (misfire === 'skip') missed = 0;
      if (misfire === 'once') missed = Math.min(missed, 1);
      const due = missed + current;
      if (isOpen || due === 0) return wait();
      left = misfire === 'all' ? due : 1;
      wait();
      return run();
    };
    const wait = (): void => {
      end = scheduler.once(Math.max(1, seen + MINUTE - now()), look);
    };
    wait();
    return () => {
      isOver = true;
      end();
    };
  };
};

/** The in-memory scheduler with cron. */
export interface CronScheduler extends IScheduler {
  readonly cron: NonNullable<IScheduler['cron']>;
  /** The same cron by another reading of expressions: which of them go by elapsed time. */
  readonly cronBy: (isElapsed: (expression: string) => boolean) => NonNullable<IScheduler['cron']>;
}

export const cronSchedulerHarness = (
  decorate: Decorate<CronScheduler, IScheduler> = (scheduler) => scheduler,
): SchedulerHarness => {
  let wallAtZero = 0;
  let now = (): number => wallAtZero;
  const harness = makeMemorySchedulerHarness((scheduler, timers) => {
    now = () => wallAtZero + timers.now();
    return decorate(
      {
        ...scheduler,
        cron: cronOf(scheduler, now),
        cronBy: (isElapsed) => cronOf(scheduler, now, isElapsed),
      },
      timers,
    );
  });
  return {
    ...harness,
    wall: {
      now,
      set: (epochMs) => {
        wallAtZero = epochMs - harness.now();
      },
    },
    supports: ['cron', 'close'],
  };
};
