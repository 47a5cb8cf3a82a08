import { PGlite } from '@electric-sql/pglite';
import { importSuite, journalSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { describeWithPostgres } from '@promethean/services/vitest';
import { afterAll, beforeAll, describe } from 'vitest';
import { makePostgresJournal, type PostgresJournal, type PostgresJournalOptions } from './index.ts';

const harnessOn = (
  source: Pick<PostgresJournalOptions, 'url' | 'session'>,
  drop: (schema: string) => Promise<unknown>,
) => {
  const schema = freshSchema();
  const journals: PostgresJournal[] = [];
  const another = (): PostgresJournal => {
    const journal = makePostgresJournal({ ...source, schema });
    journals.push(journal);
    return journal;
  };
  return {
    journal: another(),
    another,
    supports: ['shared', 'read', 'close'],
    close: async () => {
      for (const journal of journals) await journal.close();
      await drop(schema);
    },
  };
};

describeWithPostgres('makePostgresJournal on a server', (postgres) => {
  describeContract('keeps the contract of IJournalPort', journalSuite, () => {
    const { url } = postgres();
    return harnessOn({ url }, (schema) => dropSchema(url, schema));
  });
});

describe('makePostgresJournal on PGlite', () => {
  let session: PGlite;
  beforeAll(async () => {
    session = await PGlite.create();
  }, 60_000);
  afterAll(() => session.close());
  describeContract('keeps the contract of IJournalPort', journalSuite, () =>
    harnessOn({ session }, (schema) => session.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)),
  );
});

describeContract('the import of adapter-postgres-journal', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
