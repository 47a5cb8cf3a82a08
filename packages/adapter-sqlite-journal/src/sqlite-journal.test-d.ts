import type { IJournalPort } from '@promethean/pantheon-core';
import { makeSqliteJournal } from './index.ts';

const journal = makeSqliteJournal({
  path: 'journal.db',
  synchronous: 'normal',
  busyTimeoutMs: 1_000,
  keepFinishedMs: 60_000,
  now: () => 0,
});
journal satisfies IJournalPort;
void journal.ready();
void journal.read('t1').then((tick) => tick?.steps[0]?.name satisfies string | undefined);

// @ts-expect-error A path is required.
makeSqliteJournal({});
// @ts-expect-error No such durability.
makeSqliteJournal({ path: 'journal.db', synchronous: 'off' });
// @ts-expect-error No such option.
makeSqliteJournal({ path: 'journal.db', file: 'x' });
