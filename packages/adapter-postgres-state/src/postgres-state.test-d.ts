import { PGlite } from '@electric-sql/pglite';
import type { ActorScript, IActorStatePort } from '@promethean/pantheon-core';
import pg from 'pg';
import { makePostgresState } from './index.ts';

const clerk: ActorScript = { name: 'clerk', contextSources: [], talents: [] };
const scripts = [clerk];

const state = makePostgresState({
  url: 'postgres://localhost/actors',
  scripts,
  schema: 'pantheon',
  table: 'actor',
  maxConnections: 2,
  statementTimeoutMs: 1_000,
  newId: () => 'a',
});
state satisfies IActorStatePort;
void state.ready();
void state.remove('a').then((removed) => removed satisfies boolean);

makePostgresState({ pool: new pg.Pool(), scripts });
makePostgresState({ session: new PGlite(), scripts });
makePostgresState({
  settings: { host: 'localhost', password: async () => 'x', ssl: true },
  scripts,
});

// @ts-expect-error The scripts are required.
makePostgresState({ url: 'postgres://localhost/actors' });
// @ts-expect-error A pool lends connections.
makePostgresState({ pool: new PGlite(), scripts });
// @ts-expect-error No such setting.
makePostgresState({ settings: { hostname: 'localhost' }, scripts });
// @ts-expect-error No such option.
makePostgresState({ url: 'postgres://localhost/actors', scripts, poolSize: 2 });
