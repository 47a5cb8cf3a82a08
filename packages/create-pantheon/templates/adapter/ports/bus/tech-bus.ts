import { type IMessageBus, PantheonError, type Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';

/** Settings of `makeTechBus`. */
export interface TechBusOptions {
  /** Milliseconds between the first delivery to a group and the second, when the first failed. Default 1,000. */
  readonly retryDelayMs?: number;
  /** What delays are measured with. Default: the process's clock and timers. */
  readonly timers?: Timers;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechBus: ${member} is not implemented yet.`);

/** The rules are in the documentation of `IMessageBus`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechBus = (options: TechBusOptions = {}): IMessageBus => {
  const { retryDelayMs = 1_000, timers = hostTimers } = options;
  return {
    // bus:1, bus:2, bus:9, bus:11
    send: () => Promise.reject(missing('send')),
    // bus:3 to bus:8, bus:10, bus:12
    subscribe: () => {
      throw missing('subscribe');
    },
    // Optional: deadLetters (bus:7, bus:13), close (port:2). Name in `supports` of the harness what you add.
  };
};
