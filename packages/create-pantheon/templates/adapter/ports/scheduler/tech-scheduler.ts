import { type IScheduler, PantheonError, type Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';

/** Settings of `makeTechScheduler`. */
export interface TechSchedulerOptions {
  /** What delays are measured with. Default: the process's clock and timers. */
  readonly timers?: Timers;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechScheduler: ${member} is not implemented yet.`);

/** The rules are in the documentation of `IScheduler`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechScheduler = (options: TechSchedulerOptions = {}): IScheduler => {
  const { timers = hostTimers } = options;
  return {
    // schedule:1, schedule:2, schedule:4 to schedule:8
    every: () => {
      throw missing('every');
    },
    // schedule:3 to schedule:8
    once: () => {
      throw missing('once');
    },
    // Optional: cron (schedule:9), close (port:2). Name in `supports` of the harness what you add.
  };
};
