/** The sets of adapters that are tried. Each is loaded when it is used. */
import type {
  ActorScript,
  IActorStatePort,
  IJournalPort,
  ILeasePort,
  IMessageBus,
} from '@promethean/pantheon-core';
import type { Places, StoresName, Terms } from './settings.ts';

/** A bus that tells when its subscriptions are known. */
type SharedBus = IMessageBus & { readonly ready?: () => Promise<void> };

export interface Stores {
  readonly bus: SharedBus;
  readonly state: IActorStatePort;
  readonly journal?: IJournalPort | undefined;
  readonly leases?: ILeasePort | undefined;
}

type Open = (places: Places, scripts: readonly ActorScript[], terms: Terms) => Promise<Stores>;

const openBus = async ({ redis, namespace }: Places, { memberMs }: Terms): Promise<SharedBus> => {
  const { makeRedisBus } = await import('@promethean/adapter-redis-bus');
  return makeRedisBus({
    url: redis,
    namespace,
    leaseMs: memberMs,
    pollMs: 200,
    retryDelayMs: 50,
    // Whoever is killed a hundred times in a minute meets some message more than five times.
    maxDeliveries: 1_000,
    commandTimeoutMs: 2_000,
    capacity: 100_000,
  });
};

const OPEN: Readonly<Record<StoresName, Open>> = {
  redis: async (places, scripts, terms) => {
    const { redis: url, namespace } = places;
    const { makeRedisState } = await import('@promethean/adapter-redis-state');
    const { makeRedisJournal } = await import('@promethean/adapter-redis-journal');
    const { makeRedisLease } = await import('@promethean/adapter-redis-lease');
    return {
      bus: await openBus(places, terms),
      state: makeRedisState({ url, namespace, scripts }),
      journal: makeRedisJournal({ url, namespace }),
      leases: makeRedisLease({ url, namespace }),
    };
  },

  postgres: async (places, scripts, terms) => {
    const { postgres: url = '', namespace: schema } = places;
    const { makePostgresState } = await import('@promethean/adapter-postgres-state');
    const { makePostgresJournal } = await import('@promethean/adapter-postgres-journal');
    const { makePostgresLease } = await import('@promethean/adapter-postgres-lease');
    return {
      bus: await openBus(places, terms),
      state: makePostgresState({ url, schema, scripts }),
      journal: makePostgresJournal({ url, schema }),
      leases: makePostgresLease({ url, schema }),
    };
  },

  // Files have no leases: the bus alone keeps the processes apart, and hands on what a member has left.
  sqlite: async (places, scripts, terms) => {
    const { makeSqliteState } = await import('@promethean/adapter-sqlite-state');
    const { makeSqliteJournal } = await import('@promethean/adapter-sqlite-journal');
    return {
      bus: await openBus(places, terms),
      state: makeSqliteState({ path: `${places.folder}/actors.db`, scripts }),
      journal: makeSqliteJournal({ path: `${places.folder}/journal.db`, synchronous: 'normal' }),
    };
  },

  naive: async ({ redis: url, namespace }, scripts, { memberMs }) => {
    const { makeRedisState } = await import('@promethean/adapter-redis-state');
    const { makeNaiveBus } = await import('./naive-bus.ts');
    return {
      bus: makeNaiveBus(url, `naive-${namespace}`, memberMs),
      state: makeRedisState({ url, namespace, scripts }),
    };
  },
};

export const openStores = (
  name: StoresName,
  places: Places,
  scripts: readonly ActorScript[],
  terms: Terms,
): Promise<Stores> => OPEN[name](places, scripts, terms);

/** In the order in which they may be closed: what others need, last. */
export const closeStores = async ({ bus, leases, journal, state }: Stores): Promise<void> => {
  for (const port of [bus, leases, journal, state]) await port?.close?.();
};
