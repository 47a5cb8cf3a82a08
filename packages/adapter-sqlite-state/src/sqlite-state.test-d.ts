import type { ActorScript, IActorStatePort } from '@promethean/pantheon-core';
import { makeSqliteState } from './index.ts';

const clerk: ActorScript = { name: 'clerk', contextSources: [], talents: [] };

const state = makeSqliteState({
  path: 'actors.db',
  scripts: [clerk],
  synchronous: 'normal',
  busyTimeoutMs: 1_000,
  maxRecordBytes: 10_000,
  now: () => 0,
  newId: () => 'a',
});
state satisfies IActorStatePort;
void state.ready();
void state.remove('a').then((removed) => removed satisfies boolean);

// @ts-expect-error A path is required.
makeSqliteState({ scripts: [clerk] });
// @ts-expect-error The scripts are required.
makeSqliteState({ path: 'actors.db' });
// @ts-expect-error No such durability.
makeSqliteState({ path: 'actors.db', scripts: [], synchronous: 'off' });
// @ts-expect-error No such option.
makeSqliteState({ path: 'actors.db', scripts: [], file: 'x' });
