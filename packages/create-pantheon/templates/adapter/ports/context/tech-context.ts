import { type IContextPort, PantheonError } from '@promethean/pantheon-core';

/** Settings of `makeTechContext`. */
export interface TechContextOptions {
  /** How many tokens a text takes. Default: a token for every four characters. */
  readonly estimateTokens?: (text: string) => number;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechContext: ${member} is not implemented yet.`);

/** The rules are in the documentation of `IContextPort`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechContext = (options: TechContextOptions = {}): IContextPort => {
  const { estimateTokens = (text) => Math.ceil(text.length / 4) } = options;
  return {
    // context:1 to context:5, context:7
    compile: () => Promise.reject(missing('compile')),
    // Optional: record (context:6), explain, close (port:2). Name in `supports` of the harness what you add.
  };
};
