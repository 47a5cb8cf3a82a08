import { PGlite } from '@electric-sql/pglite';
import type { IJournalPort } from '@promethean/pantheon-core';
import pg from 'pg';
import { makePostgresJournal } from './index.ts';

const journal = makePostgresJournal({
  url: 'postgres://localhost/actors',
  schema: 'pantheon',
  table: 'journal',
  keepFinishedMs: 60_000,
  maxConnections: 2,
  statementTimeoutMs: 1_000,
});
journal satisfies IJournalPort;
void journal.ready();
void journal.read('t1').then((tick) => tick?.steps[0]?.name satisfies string | undefined);

makePostgresJournal({ pool: new pg.Pool() });
makePostgresJournal({ session: new PGlite() });

// @ts-expect-error A pool lends connections.
makePostgresJournal({ pool: new PGlite() });
// @ts-expect-error The database tells the time.
makePostgresJournal({ url: 'postgres://localhost/actors', now: Date.now });
// @ts-expect-error No such option.
makePostgresJournal({ url: 'postgres://localhost/actors', path: 'journal.db' });
