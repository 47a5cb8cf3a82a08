/** The sets of adapters that keep their promises over processes, each with the servers that it needs. */
import { IS_FULL } from '@promethean/services/figures';
import { describeWithPostgres, describeWithRedis } from '@promethean/services/vitest';
import { type SceneOptions } from './scene.ts';
import type { StoresName } from './settings.ts';

type Set = Pick<SceneOptions, 'stores' | 'redis' | 'postgres'>;
type SetName = Exclude<StoresName, 'naive'>;

/** Calls the body once for each set, inside of a suite that has its servers: in short, for the first few of them. */
export const describeSets = (
  title: string,
  names: readonly SetName[],
  inShort: number,
  body: (name: SetName, set: () => Set) => void,
): void => {
  const wanted = IS_FULL ? names : names.slice(0, inShort);
  describeWithRedis(`${title}, Redis`, (redis) => {
    for (const stores of wanted)
      if (stores !== 'postgres') body(stores, () => ({ stores, redis: redis().url }));
    if (!wanted.includes('postgres')) return;
    describeWithPostgres('and PostgreSQL', (postgres) =>
      body('postgres', () => ({
        stores: 'postgres',
        redis: redis().url,
        postgres: postgres().url,
      })),
    );
  });
};
