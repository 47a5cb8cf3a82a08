import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importSuite, journalSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { makeSqliteJournal, type SqliteJournal } from './index.ts';

describeContract(
  'makeSqliteJournal on a file keeps the contract of IJournalPort',
  journalSuite,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'pantheon-sqlite-journal-'));
    const path = join(folder, 'journal.db');
    const journals: SqliteJournal[] = [];
    const another = (): SqliteJournal => {
      const journal = makeSqliteJournal({ path });
      journals.push(journal);
      return journal;
    };
    return {
      journal: another(),
      another,
      supports: ['shared', 'read', 'close'],
      close: async () => {
        for (const journal of journals) await journal.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
);

describeContract(
  'makeSqliteJournal in memory keeps the contract of IJournalPort',
  journalSuite,
  () => {
    const journal = makeSqliteJournal({ path: ':memory:' });
    return { journal, supports: ['read', 'close'], close: journal.close };
  },
);

describeContract('the import of adapter-sqlite-journal', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
