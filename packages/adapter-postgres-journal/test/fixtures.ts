/** What the tests of this package share. */
import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { onTestFinished } from 'vitest';
import {
  makePostgresJournal,
  type PostgresJournal,
  type PostgresJournalOptions,
} from '../src/index.ts';

/** A journal in a schema of its own; after the test, both are gone. */
export const makeJournal = (
  url: string,
  options: PostgresJournalOptions = {},
): PostgresJournal & { readonly schema: string } => {
  const { schema = freshSchema() } = options;
  const isElsewhere = [options.url, options.pool, options.session].some(
    (source) => source !== undefined,
  );
  const journal = makePostgresJournal({ ...(!isElsewhere && { url }), ...options, schema });
  onTestFinished(async () => {
    await journal.close();
    await dropSchema(url, schema);
  });
  return { ...journal, schema };
};

export const tick = (tickId: string, cause?: string, actorId = 'ada') => ({
  tickId,
  actorId,
  ...(cause !== undefined && { cause }),
});
