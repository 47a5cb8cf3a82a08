import { type IJournalPort, type Now, PantheonError } from '@promethean/pantheon-core';

/** Settings of `makeTechJournal`. */
export interface TechJournalOptions {
  /** Where `openedAt` comes from. Default `Date.now`. */
  readonly now?: Now;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechJournal: ${member} is not implemented yet.`);

/** The rules are in the documentation of `IJournalPort`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechJournal = (options: TechJournalOptions = {}): IJournalPort => {
  const { now = Date.now } = options;
  return {
    // journal:1 to journal:6; makeTickRecord of @promethean/pantheon-core/adapter makes the record of what is stored
    open: () => Promise.reject(missing('open')),
    // journal:7
    unfinished: () => Promise.reject(missing('unfinished')),
    // Optional: close (port:2). Name in `supports` of the harness what you add.
  };
};
