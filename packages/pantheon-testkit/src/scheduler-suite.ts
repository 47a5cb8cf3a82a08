import assert from 'node:assert/strict';
import type { CronOptions, IScheduler } from '@promethean/pantheon-core';
import { throwsWith, unhandledDuring, within } from './assertions.ts';
import { makeGate } from './gate.ts';
import type { Case, Harness, Suite } from './suite.ts';

/**
 * What the scheduler suite needs. Capabilities for `supports`: `cron`, `named` (there is `another`), `close`.
 *
 * The cases think in units of `unitMs` and look at half units only, so that real time may be up to half a unit late.
 */
export interface SchedulerHarness extends Harness {
  readonly scheduler: IScheduler;
  /** The scheduler's clock, in milliseconds. */
  readonly now: () => number;
  /** Lets that much time pass and what is due run: a manual clock's `advance`, or a real wait. */
  readonly advance: (ms: number) => Promise<void>;
  /** Lets that much time pass while the host can run nothing: a manual clock's `stall`, or a busy loop. */
  readonly stall: (ms: number) => void;
  /** What the scheduler holds that keeps a process alive: its timers. */
  readonly pending: () => number;
  /** Milliseconds of one unit, an even number. Default 10; for real time, 100 or more. */
  readonly unitMs?: number;
  /** With `named`: one more scheduler on the same store and clock, as another process has it. The harness closes it. */
  readonly another?: () => IScheduler;
  /** With `cron`: the wall clock that cron expressions are read against. `advance` moves it as well. */
  readonly wall?: {
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** Sets the wall clock; called before anything is scheduled. */
    readonly set: (epochMs: number) => void;
  };
}

const unitOf = (harness: SchedulerHarness): number => harness.unitMs ?? 10;

/** Advances by units, in half units at the finest. */
const pass = (harness: SchedulerHarness, units: number): Promise<void> =>
  harness.advance(units * unitOf(harness));

/** A clock that starts now and shows whole units. */
const stopwatch = (harness: SchedulerHarness): (() => number) => {
  const start = harness.now();
  return () => Math.round((harness.now() - start) / unitOf(harness));
};

/** The schedules of a name of two processes. */
const named = (
  { scheduler, another }: SchedulerHarness,
  first: string,
  second: string,
): readonly [IScheduler, IScheduler] => {
  assert.ok(another, 'the harness must have "another"');
  const other = another();
  assert.ok(scheduler.named && other.named, 'the scheduler must have "named"');
  return [scheduler.named(first), other.named(second)];
};

const REFUSED: readonly unknown[] = [
  Number.NaN,
  -1,
  -Infinity,
  Infinity,
  1.5,
  2_147_483_648,
  '10',
  10n,
  null,
  undefined,
  {},
];

const cases: readonly Case<SchedulerHarness>[] = [
  {
    id: 'schedule:1',
    title: 'every runs its task at start + n * interval',
    run: async (harness) => {
      const unit = unitOf(harness);
      const elapsed = stopwatch(harness);
      const runs: number[] = [];
      harness.scheduler.every(4 * unit, () => runs.push(elapsed()));
      await pass(harness, 17.5);
      assert.deepEqual(runs, [4, 8, 12, 16]);
    },
  },
  {
    id: 'schedule:1b',
    title: 'a run that was late does not make the next ones late',
    run: async (harness) => {
      const elapsed = stopwatch(harness);
      const runs: number[] = [];
      harness.scheduler.every(4 * unitOf(harness), () => runs.push(elapsed()));
      await pass(harness, 3);
      harness.stall(2 * unitOf(harness));
      await pass(harness, 8.5);
      assert.equal(runs.length, 3, 'one run for each interval');
      assert.deepEqual(runs.slice(1), [8, 12]);
    },
  },
  {
    id: 'schedule:2',
    title: 'a run that is due while the previous one is open is skipped',
    run: async (harness) => {
      const gate = makeGate();
      let started = 0;
      harness.scheduler.every(2 * unitOf(harness), () => {
        started += 1;
        return started === 1 ? gate.promise : undefined;
      });
      await pass(harness, 7.5);
      assert.equal(started, 1, 'no second run while the first is open');
      gate.open();
      await pass(harness, 1);
      assert.equal(started, 2, 'the schedule goes on after the run has ended');
    },
  },
  {
    id: 'schedule:2b',
    title: 'skipped runs are not made up for when the open one ends',
    run: async (harness) => {
      const gate = makeGate();
      let started = 0;
      harness.scheduler.every(2 * unitOf(harness), () => {
        started += 1;
        return started === 1 ? gate.promise : undefined;
      });
      await pass(harness, 7);
      gate.open();
      await pass(harness, 0.5);
      assert.ok(started <= 1, `${started - 1} missed runs were made up for`);
    },
  },
  {
    id: 'schedule:2c',
    title: 'runs missed while the host was blocked are not made up for',
    run: async (harness) => {
      let runs = 0;
      harness.scheduler.every(2 * unitOf(harness), () => {
        runs += 1;
      });
      await pass(harness, 1);
      harness.stall(6 * unitOf(harness));
      await pass(harness, 0.5);
      assert.ok(runs <= 1, `${runs} runs for one late turn`);
    },
  },
  {
    id: 'schedule:2d',
    title: 'a run whose promise rejects is over and the next one is not skipped',
    run: async (harness) => {
      let runs = 0;
      harness.scheduler.every(2 * unitOf(harness), async () => {
        runs += 1;
        await Promise.reject(new Error('a failing run'));
      });
      await pass(harness, 5);
      assert.equal(runs, 2);
    },
  },
  {
    id: 'schedule:3',
    title: 'once runs its task once, not before its time',
    run: async (harness) => {
      const start = harness.now();
      const runs: number[] = [];
      harness.scheduler.once(3 * unitOf(harness), () => runs.push(harness.now() - start));
      await pass(harness, 2.5);
      assert.equal(runs.length, 0, 'nothing runs early');
      await pass(harness, 4);
      assert.equal(runs.length, 1);
      assert.ok((runs[0] as number) >= 3 * unitOf(harness), `it ran after ${runs[0]} ms`);
    },
  },
  {
    id: 'schedule:3b',
    title: 'once with 0 runs soon and never inside the call',
    run: async (harness) => {
      let runs = 0;
      harness.scheduler.once(0, () => {
        runs += 1;
      });
      assert.equal(runs, 0, 'not inside the call');
      await pass(harness, 1);
      assert.equal(runs, 1);
    },
  },
  {
    id: 'schedule:4',
    title: 'no run starts after a schedule was ended, and ending it twice is as ending it once',
    run: async (harness) => {
      const unit = unitOf(harness);
      const runs: string[] = [];
      const endEvery = harness.scheduler.every(2 * unit, () => runs.push('every'));
      const endOnce = harness.scheduler.once(4 * unit, () => runs.push('once'));
      harness.scheduler.once(5 * unit, () => runs.push('other'));
      await pass(harness, 2.5);
      endEvery();
      endOnce();
      endEvery();
      endOnce();
      await pass(harness, 4);
      assert.deepEqual(runs, ['every', 'other']);
      endEvery();
    },
  },
  {
    id: 'schedule:4b',
    title: 'a task that ends its own schedule does not run again',
    run: async (harness) => {
      let runs = 0;
      const end = harness.scheduler.every(2 * unitOf(harness), () => {
        runs += 1;
        end();
      });
      await pass(harness, 5);
      assert.equal(runs, 1);
    },
  },
  {
    id: 'schedule:4c',
    title: 'a task that ends another which is due at the same time keeps it from running',
    run: async (harness) => {
      const unit = unitOf(harness);
      const runs: string[] = [];
      const ends: (() => void)[] = [];
      harness.scheduler.once(2 * unit, () => {
        runs.push('first');
        for (const end of ends) end();
      });
      ends.push(harness.scheduler.once(2 * unit, () => runs.push('once')));
      ends.push(harness.scheduler.every(2 * unit, () => runs.push('every')));
      // Blocked past the due time, so that they come due in one turn on a real clock as well.
      harness.stall(3 * unit);
      await pass(harness, 5);
      assert.deepEqual(runs, ['first']);
    },
  },
  {
    id: 'schedule:5',
    title: 'a task that throws or rejects ends neither its schedule nor another',
    run: async (harness) => {
      const unit = unitOf(harness);
      const runs = { throwing: 0, rejecting: 0, odd: 0, good: 0 };
      const unhandled = await unhandledDuring(async () => {
        harness.scheduler.every(2 * unit, () => {
          runs.throwing += 1;
          throw new Error('a task that throws');
        });
        harness.scheduler.every(2 * unit, () => {
          runs.odd += 1;
          throw null;
        });
        harness.scheduler.every(2 * unit, () => {
          runs.rejecting += 1;
          return Promise.reject(new Error('a task that rejects'));
        });
        harness.scheduler.every(2 * unit, () => {
          runs.good += 1;
        });
        harness.scheduler.once(unit, () => {
          throw new Error('a single task that throws');
        });
        await pass(harness, 5);
      });
      assert.deepEqual(runs, { throwing: 2, rejecting: 2, odd: 2, good: 2 });
      assert.deepEqual(unhandled, [], 'nothing reaches the process');
    },
  },
  {
    id: 'schedule:6',
    title: 'an interval that is no whole number of milliseconds in range throws at once',
    run: async (harness) => {
      let runs = 0;
      const count = (): void => {
        runs += 1;
      };
      for (const value of [...REFUSED, 0]) {
        throwsWith(
          () => harness.scheduler.every(value as number, count),
          'interval-invalid',
          `every(${String(value)})`,
        );
      }
      for (const value of REFUSED) {
        throwsWith(
          () => harness.scheduler.once(value as number, count),
          'interval-invalid',
          `once(${String(value)})`,
        );
      }
      await pass(harness, 3);
      assert.equal(runs, 0, 'a refused task never runs');
    },
  },
  {
    id: 'schedule:6b',
    title: 'the ends of the range are accepted, and the greatest does not run early',
    run: async (harness) => {
      let early = 0;
      const ends = [
        harness.scheduler.every(2_147_483_647, () => (early += 1)),
        harness.scheduler.once(2_147_483_647, () => (early += 1)),
        harness.scheduler.every(1, () => undefined),
        harness.scheduler.once(0, () => undefined),
      ];
      await pass(harness, 3);
      for (const end of ends) end();
      assert.equal(early, 0);
    },
  },
  {
    id: 'schedule:7',
    title:
      'tasks run in the order in which they become due, and equals in the order of their scheduling',
    run: async (harness) => {
      const unit = unitOf(harness);
      const runs: string[] = [];
      for (const name of ['a', 'b', 'c']) harness.scheduler.once(3 * unit, () => runs.push(name));
      harness.scheduler.once(2 * unit, () => runs.push('earlier'));
      harness.stall(4 * unit);
      await pass(harness, 1);
      assert.deepEqual(runs, ['earlier', 'a', 'b', 'c']);
    },
  },
  {
    id: 'schedule:7b',
    title: 'a repeated task keeps its place before what was scheduled after it',
    run: async (harness) => {
      const unit = unitOf(harness);
      const runs: string[] = [];
      harness.scheduler.every(2 * unit, () => runs.push('every'));
      harness.scheduler.once(4 * unit, () => runs.push('once'));
      await pass(harness, 2.5);
      // Blocked past the due time, so that they come due in one turn on a real clock as well.
      harness.stall(2 * unit);
      await pass(harness, 1);
      assert.deepEqual(runs, ['every', 'every', 'once']);
    },
  },
  {
    id: 'schedule:8',
    title: 'what is pending keeps the process alive, and nothing else does',
    run: async (harness) => {
      const unit = unitOf(harness);
      assert.equal(harness.pending(), 0, 'a fresh scheduler holds nothing');
      const ends = [5, 3, 4].map((units) => harness.scheduler.every(units * unit, () => undefined));
      ends.push(harness.scheduler.once(9 * unit, () => undefined));
      assert.ok(harness.pending() > 0, 'a pending task holds the process');
      for (const end of ends) end();
      assert.equal(harness.pending(), 0, 'ended schedules hold nothing');
      harness.scheduler.once(unit, () => undefined);
      assert.ok(harness.pending() > 0, 'a pending task holds the process');
      await pass(harness, 2);
      assert.equal(harness.pending(), 0, 'a task that ran holds nothing');
    },
  },
  {
    id: 'schedule:9',
    title: 'cron runs at the times of its expression, in UTC by default, until it is ended',
    requires: 'cron',
    run: async (harness) => {
      const { cron, wall } = cronOf(harness);
      wall.set(Date.UTC(2025, 5, 1, 12, 1));
      const runs: string[] = [];
      const end = cron('*/5 12 * * *', () =>
        runs.push(new Date(wall.now()).toISOString().slice(11, 16)),
      );
      await harness.advance(15 * MINUTE);
      assert.deepEqual(runs, ['12:05', '12:10', '12:15']);
      end();
      end();
      await harness.advance(15 * MINUTE);
      assert.equal(runs.length, 3, 'an ended schedule does not run');
      assert.equal(harness.pending(), 0, 'an ended schedule holds nothing');
    },
  },
  {
    id: 'schedule:9b',
    title: 'cron reads its expression in the named time zone',
    requires: 'cron',
    run: async (harness) => {
      assert.deepEqual(
        await cronRuns(harness, '15 9 * * *', 'Asia/Tokyo', Date.UTC(2025, 5, 1, 12), 24),
        ['2025-06-02T00:15'],
      );
    },
  },
  {
    id: 'schedule:9c',
    title: 'cron runs a time that the spring change leaves out once, after the gap',
    requires: 'cron',
    run: async (harness) => {
      // Berlin, 30 March 2025: 02:00 is followed by 03:00, at 01:00 UTC.
      const runs = await cronRuns(
        harness,
        '30 2 * * *',
        'Europe/Berlin',
        Date.UTC(2025, 2, 29, 12),
        36,
      );
      assert.equal(runs.length, 1, `it ran at ${runs.join(', ')} UTC`);
      assert.ok(
        runs[0] !== undefined && runs[0] >= '2025-03-30T01:00' && runs[0] <= '2025-03-30T02:00',
        `it ran at ${runs[0]} UTC`,
      );
    },
  },
  {
    id: 'schedule:9d',
    title: 'cron runs a time that the autumn change has twice once',
    requires: 'cron',
    run: async (harness) => {
      // Berlin, 26 October 2025: 03:00 is followed by 02:00, at 01:00 UTC.
      const runs = await cronRuns(
        harness,
        '30 2 * * *',
        'Europe/Berlin',
        Date.UTC(2025, 9, 25, 12),
        36,
      );
      assert.equal(runs.length, 1, `it ran at ${runs.join(', ')} UTC`);
      assert.ok(
        ['2025-10-26T00:30', '2025-10-26T01:30'].includes(runs[0] as string),
        `it ran at ${runs[0]} UTC`,
      );
    },
  },
  {
    id: 'schedule:9e',
    title: 'cron refuses a bad expression and a bad time zone',
    requires: 'cron',
    run: async (harness) => {
      const { cron } = cronOf(harness);
      for (const expression of ['', 'often', '61 * * * *', '* * *']) {
        throwsWith(
          () => cron(expression, () => undefined),
          'option-invalid',
          `cron('${expression}')`,
        );
      }
      throwsWith(
        () => cron('* * * * *', () => undefined, { timezone: 'Mars/Olympus' }),
        'option-invalid',
        'a bad time zone',
      );
      assert.equal(harness.pending(), 0, 'what was refused holds nothing');
    },
  },
  {
    id: 'schedule:9f',
    title: 'cron runs an expression for every hour once an hour, through both changes',
    requires: 'cron',
    run: async (harness) => {
      for (const [month, day] of [
        [2, 29],
        [9, 25],
      ] as const) {
        const from = Date.UTC(2025, month, day, 22, 30);
        const due = Array.from({ length: 5 }, (_, n) => from + (n + 0.5) * 60 * MINUTE);
        assert.deepEqual(
          await cronRuns(harness, '0 * * * *', 'Europe/Berlin', from, 5),
          due.map((time) => new Date(time).toISOString().slice(0, 16)),
        );
      }
    },
  },
  {
    id: 'schedule:9g',
    title: 'cron goes on after a run that throws or rejects, and skips what is due during a run',
    requires: 'cron',
    run: async (harness) => {
      const { cron, wall } = cronOf(harness);
      wall.set(Date.UTC(2025, 5, 1, 12, 0, 30));
      const gate = makeGate();
      const runs = { throwing: 0, rejecting: 0, slow: 0 };
      const unhandled = await unhandledDuring(async () => {
        cron('* * * * *', () => {
          runs.throwing += 1;
          throw new Error('a run that throws');
        });
        cron('* * * * *', () => {
          runs.rejecting += 1;
          return Promise.reject(new Error('a run that rejects'));
        });
        cron('* * * * *', () => {
          runs.slow += 1;
          return runs.slow === 1 ? gate.promise : undefined;
        });
        await harness.advance(3 * MINUTE);
        const before = { ...runs };
        gate.open();
        await harness.advance(MINUTE);
        assert.deepEqual(before, { throwing: 3, rejecting: 3, slow: 1 });
      });
      assert.equal(runs.slow, 2, 'it goes on after the run has ended, and makes up for nothing');
      assert.deepEqual(unhandled, [], 'nothing reaches the process');
    },
  },
  {
    id: 'schedule:10',
    title: 'a named schedule runs each instant in one of the processes that have it',
    requires: 'named',
    run: async (harness) => {
      const elapsed = stopwatch(harness);
      const runs: number[] = [];
      for (const scheduler of named(harness, 'report', 'report'))
        scheduler.every(4 * unitOf(harness), () => runs.push(elapsed()));
      await pass(harness, 17.5);
      assert.deepEqual(runs, [4, 8, 12, 16]);
    },
  },
  {
    id: 'schedule:10b',
    title: 'no instant of a named schedule runs while an earlier one is open in another process',
    requires: 'named',
    run: async (harness) => {
      const gate = makeGate();
      let started = 0;
      for (const scheduler of named(harness, 'report', 'report')) {
        scheduler.every(2 * unitOf(harness), () => {
          started += 1;
          return started === 1 ? gate.promise : undefined;
        });
      }
      await pass(harness, 7.5);
      assert.equal(started, 1, 'no second run while the first is open');
      gate.open();
      await pass(harness, 3);
      assert.ok(started > 1, 'the schedule goes on after the run has ended');
    },
  },
  {
    id: 'schedule:10c',
    title: 'schedules of different names, and of different intervals, know nothing of each other',
    requires: 'named',
    run: async (harness) => {
      const unit = unitOf(harness);
      const runs: string[] = [];
      const [report, backup] = named(harness, 'report', 'backup');
      report.every(4 * unit, () => runs.push('report'));
      backup.every(4 * unit, () => runs.push('backup'));
      backup.every(6 * unit, () => runs.push('slow backup'));
      await pass(harness, 6.5);
      assert.deepEqual(runs.toSorted(), ['backup', 'report', 'slow backup']);
    },
  },
  {
    id: 'schedule:10e',
    title: 'a single run of a name, and its cron, run in one of the processes that have them',
    requires: 'named',
    run: async (harness) => {
      const both = named(harness, 'report', 'report');
      let runs = 0;
      for (const scheduler of both)
        scheduler.once(3 * unitOf(harness), () => {
          runs += 1;
        });
      await pass(harness, 6.5);
      assert.equal(runs, 1);
      if (harness.wall === undefined || both.some(({ cron }) => cron === undefined)) return;
      harness.wall.set(Date.UTC(2025, 5, 1, 12, 0, 30));
      let turns = 0;
      const ends = both.map((scheduler) =>
        scheduler.cron?.('* * * * *', () => {
          turns += 1;
        }),
      );
      await harness.advance(3 * MINUTE);
      for (const end of ends) end?.();
      assert.equal(turns, 3);
    },
  },
  {
    id: 'schedule:10d',
    title: 'a named schedule that is stopped in one process goes on in the other',
    requires: 'named',
    run: async (harness) => {
      const ran: string[] = [];
      const [first, second] = named(harness, 'report', 'report');
      const stop = first.every(4 * unitOf(harness), () => ran.push('first'));
      second.every(4 * unitOf(harness), () => ran.push('second'));
      await pass(harness, 6);
      assert.equal(ran.length, 1);
      stop();
      ran.length = 0;
      await pass(harness, 9);
      assert.ok(ran.length > 0, 'it goes on');
      assert.ok(!ran.includes('first'), 'what was stopped does not run');
    },
  },
  {
    id: 'schedule:11',
    title: 'with "skip", and by default, cron makes up for no fire that was missed',
    requires: 'cron',
    run: async (harness) => {
      for (const misfire of [undefined, 'skip'] as const)
        assert.deepEqual(
          await runsAfterStall(harness, misfire),
          { madeUp: 0, later: 1 },
          `misfire: ${misfire}`,
        );
    },
  },
  {
    id: 'schedule:11b',
    title: 'with "once" cron makes up for all missed fires with one run',
    requires: 'cron',
    run: async (harness) => {
      assert.deepEqual(await runsAfterStall(harness, 'once'), { madeUp: 1, later: 1 });
    },
  },
  {
    id: 'schedule:11c',
    title: 'with "all" cron makes up for each missed fire',
    requires: 'cron',
    run: async (harness) => {
      assert.deepEqual(await runsAfterStall(harness, 'all'), { madeUp: 3, later: 1 });
    },
  },
  {
    id: 'schedule:11d',
    title: 'with "all" cron runs the missed fires one after the other',
    requires: 'cron',
    run: async (harness) => {
      const { cron, wall } = cronOf(harness);
      wall.set(MISSED_FROM);
      const gates = [makeGate(), makeGate(), makeGate()] as const;
      let started = 0;
      const end = cron(
        EVERY_TEN_MINUTES,
        () => {
          started += 1;
          return gates[started - 1]?.promise;
        },
        { misfire: 'all' },
      );
      await harness.advance(MINUTE);
      harness.stall(MISSED_MS);
      await harness.advance(MINUTE);
      const seen = [started];
      for (const gate of gates) {
        gate.open();
        await harness.advance(MINUTE / 4);
        seen.push(started);
      }
      end();
      assert.deepEqual(seen, [1, 2, 3, 3]);
    },
  },
  {
    id: 'schedule:11e',
    title: 'cron refuses a misfire that is none',
    requires: 'cron',
    run: async (harness) => {
      const { cron } = cronOf(harness);
      for (const misfire of ['never', '', 'ALL', 1, null])
        throwsWith(
          () => cron('* * * * *', () => undefined, { misfire: misfire as 'skip' }),
          'option-invalid',
          `the misfire ${JSON.stringify(misfire)}`,
        );
      assert.equal(harness.pending(), 0, 'what was refused holds nothing');
    },
  },
  {
    id: 'port:2',
    title: 'close ends what is pending, holds nothing, and refuses what comes after it',
    requires: 'close',
    run: async (harness) => {
      const unit = unitOf(harness);
      const { scheduler } = harness;
      let runs = 0;
      const end = scheduler.every(2 * unit, () => (runs += 1));
      scheduler.once(2 * unit, () => (runs += 1));
      await within(closeOf(scheduler), 'close');
      await within(closeOf(scheduler), 'a second close');
      assert.equal(harness.pending(), 0);
      await pass(harness, 3);
      assert.equal(runs, 0, 'nothing runs after close');
      throwsWith(() => scheduler.every(unit, () => undefined), 'closed', 'every after close');
      throwsWith(() => scheduler.once(unit, () => undefined), 'closed', 'once after close');
      const { cron } = scheduler;
      if (cron !== undefined)
        throwsWith(() => cron('* * * * *', () => undefined), 'closed', 'cron after close');
      end();
    },
  },
  {
    id: 'port:2b',
    title: 'close waits for a run whose promise is open',
    requires: 'close',
    run: async (harness) => {
      const gate = makeGate();
      let started = false;
      harness.scheduler.once(unitOf(harness), () => {
        started = true;
        return gate.promise;
      });
      await pass(harness, 2);
      assert.ok(started);
      let closed = false;
      const closing = closeOf(harness.scheduler).then(() => {
        closed = true;
      });
      await pass(harness, 1);
      assert.equal(closed, false, 'a run is still open');
      gate.open();
      await within(closing, 'close');
      assert.equal(harness.pending(), 0);
    },
  },
];

const MINUTE = 60_000;

const closeOf = (scheduler: IScheduler): Promise<void> => {
  assert.ok(scheduler.close, 'a port that claims "close" has it');
  return scheduler.close();
};

const cronOf = (
  harness: SchedulerHarness,
): {
  readonly cron: NonNullable<IScheduler['cron']>;
  readonly wall: NonNullable<SchedulerHarness['wall']>;
} => {
  const { wall } = harness;
  const { cron } = harness.scheduler;
  assert.ok(
    cron && wall,
    'a harness that claims "cron" has a scheduler with cron, and a wall clock',
  );
  return { cron, wall };
};

/** The minutes, in UTC, at which an expression ran in the hours after `from`. */
const cronRuns = async (
  harness: SchedulerHarness,
  expression: string,
  timezone: string,
  from: number,
  hours: number,
): Promise<readonly string[]> => {
  const { cron, wall } = cronOf(harness);
  wall.set(from);
  const runs: string[] = [];
  const end = cron(expression, () => runs.push(new Date(wall.now()).toISOString().slice(0, 16)), {
    timezone,
  });
  await harness.advance(hours * 60 * MINUTE);
  end();
  return runs;
};

const EVERY_TEN_MINUTES = '*/10 * * * *';
const MISSED_FROM = Date.UTC(2025, 5, 1, 12);
/** From a minute past the hour to 35 minutes past it: three fires are missed, the last by five minutes. */
const MISSED_MS = 34 * MINUTE;

/** How often cron runs for three missed fires, and for the one after them. */
const runsAfterStall = async (
  harness: SchedulerHarness,
  misfire: CronOptions['misfire'],
): Promise<{ readonly madeUp: number; readonly later: number }> => {
  const { cron, wall } = cronOf(harness);
  wall.set(MISSED_FROM);
  let runs = 0;
  const end = cron(
    EVERY_TEN_MINUTES,
    () => {
      runs += 1;
    },
    misfire === undefined ? {} : { misfire },
  );
  await harness.advance(MINUTE);
  harness.stall(MISSED_MS);
  await harness.advance(MINUTE);
  const madeUp = runs;
  await harness.advance(8 * MINUTE);
  end();
  return { madeUp, later: runs - madeUp };
};

const isolation = async (first: SchedulerHarness, second: SchedulerHarness): Promise<void> => {
  const runs: string[] = [];
  first.scheduler.once(2 * unitOf(first), () => runs.push('of the first'));
  assert.equal(second.pending(), 0, 'the second holds nothing for the first');
  const end = second.scheduler.once(100 * unitOf(second), () => runs.push('of the second'));
  await pass(first, 2.5);
  assert.deepEqual(runs, ['of the first']);
  assert.ok(second.pending() > 0, 'the second still holds its own task');
  end();
  if (!first.scheduler.named || !second.scheduler.named) return;
  for (const { scheduler } of [first, second])
    scheduler.named?.('report').once(2 * unitOf(first), () => runs.push('named'));
  for (const harness of [first, second]) await pass(harness, 4.5);
  assert.deepEqual(runs.slice(1), ['named', 'named'], 'a name is of its own harness');
};

/** The contract of `IScheduler`. */
export const schedulerSuite: Suite<SchedulerHarness> = { port: 'scheduler', cases, isolation };
