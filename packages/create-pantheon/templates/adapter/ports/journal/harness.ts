import type { Harnesses, JournalHarness } from '@promethean/pantheon-testkit';
import { makeTechJournal } from './tech-journal.ts';

/** A store that shares nothing with any other: a fresh one is made for every case. */
const journalHarness = (): JournalHarness => ({
  journal: makeTechJournal(),
  // What the port has of: shared (with `another`), close.
  supports: [],
});

export const pantheonHarnesses: Harnesses = { journal: journalHarness };
