import { PGlite } from '@electric-sql/pglite';
import { importSuite, stateScripts, stateSuite } from '@promethean/pantheon-testkit';
import { describeContract } from '@promethean/pantheon-testkit/vitest';
import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { describeWithPostgres } from '@promethean/services/vitest';
import { afterAll, beforeAll, describe } from 'vitest';
import { makePostgresState, type PostgresStateOptions } from './index.ts';

const harnessOn = (
  source: Pick<PostgresStateOptions, 'url' | 'session'>,
  drop: (schema: string) => Promise<unknown>,
) => {
  let at = 1_000;
  const schema = freshSchema();
  const open = () => makePostgresState({ ...source, schema, scripts: stateScripts, now: () => at });
  const state = open();
  const others: ReturnType<typeof open>[] = [];
  return {
    state,
    another: () => {
      const other = open();
      others.push(other);
      return other;
    },
    supports: ['remove', 'shared', 'close'],
    advance: async (ms: number) => {
      at += ms;
    },
    close: async () => {
      for (const one of [state, ...others]) await one.close();
      await drop(schema);
    },
  };
};

describeWithPostgres('makePostgresState on a server', (postgres) => {
  describeContract('keeps the contract of IActorStatePort', stateSuite, () => {
    const { url } = postgres();
    return harnessOn({ url }, (schema) => dropSchema(url, schema));
  });
});

describe('makePostgresState on PGlite', () => {
  let session: PGlite;
  beforeAll(async () => {
    session = await PGlite.create();
  }, 60_000);
  afterAll(() => session.close());
  describeContract('keeps the contract of IActorStatePort', stateSuite, () =>
    harnessOn({ session }, (schema) => session.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)),
  );
});

describeContract('the import of adapter-postgres-state', importSuite, () => ({
  module: new URL('./index.ts', import.meta.url).href,
  nodeOptions: ['--conditions=@promethean/source'],
}));
