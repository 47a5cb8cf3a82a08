/** What the tests of this package share. */
import type { ActorScript } from '@promethean/pantheon-core';
import { dropSchema, freshSchema } from '@promethean/services/schemas';
import { onTestFinished } from 'vitest';
import { makePostgresState, type PostgresState, type PostgresStateOptions } from '../src/index.ts';

export const clerk: ActorScript = { name: 'clerk', version: '1', contextSources: [], talents: [] };

/** A state in a schema of its own; after the test, both are gone. */
export const makeState = (
  url: string,
  options: Partial<PostgresStateOptions> = {},
): PostgresState & { readonly schema: string } => {
  const { schema = freshSchema() } = options;
  const source =
    options.pool === undefined && options.session === undefined && options.settings === undefined;
  const state = makePostgresState({
    scripts: [clerk],
    ...(source && { url }),
    ...options,
    schema,
  });
  onTestFinished(async () => {
    await state.close();
    await dropSchema(url, schema);
  });
  return { ...state, schema };
};
