import { type ILlmPort, PantheonError, type Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';

/** Settings of `makeTechLlm`. */
export interface TechLlmOptions {
  /** Where the model is. Default `http://127.0.0.1:8080`. */
  readonly url?: string;
  /** What timeouts are measured with. Default: the process's clock and timers. */
  readonly timers?: Timers;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechLlm: ${member} is not implemented yet.`);

/** The rules are in the documentation of `ILlmPort`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechLlm = (options: TechLlmOptions = {}): ILlmPort => {
  const { url = 'http://127.0.0.1:8080', timers = hostTimers } = options;
  return {
    // llm:1 to llm:6
    complete: () => Promise.reject(missing('complete')),
    // Optional: stream (llm:7), close (port:2). Name in `supports` of the harness what you add.
  };
};
