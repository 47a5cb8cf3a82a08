import { type IToolPort, PantheonError, type Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';

/** Settings of `makeTechTools`. */
export interface TechToolsOptions {
  /** For a call without `timeoutMs` to a tool without one, in milliseconds. Default 60,000. */
  readonly defaultTimeoutMs?: number;
  /** What timeouts are measured with. Default: the process's clock and timers. */
  readonly timers?: Timers;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechTools: ${member} is not implemented yet.`);

/** The rules are in the documentation of `IToolPort`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechTools = (options: TechToolsOptions = {}): IToolPort => {
  const { defaultTimeoutMs = 60_000, timers = hostTimers } = options;
  return {
    // tools:3
    register: () => {
      throw missing('register');
    },
    // tools:1, tools:2, tools:4 to tools:7
    invoke: () => Promise.reject(missing('invoke')),
    // Optional: list (tools:8), close (port:2). Name in `supports` of the harness what you add.
  };
};
