import { type HeldLeases, type LeaseStore, makeHeldLeases } from '../adapter/held-leases.ts';
import { hostTimers } from '../adapter/host-timers.ts';
import type { Timers } from '../core/ports.ts';

/** Settings of `makeMemoryLeases`. */
export interface MemoryLeasesOptions {
  /** Default: the process's monotonic clock and timers. */
  readonly timers?: Timers | undefined;
  /** Where names are kept; ports that share a store are as several processes. Default: a store of its own, with the clock of `timers`. */
  readonly store?: LeaseStore | undefined;
}

/** Leases in this process: they keep orchestrators of one process apart. For tests. */
export type MemoryLeases = HeldLeases;

interface Kept {
  readonly token: string;
  freeAt: number;
}

/** Names and who has them, for the ports of one process. Epochs count over all names, so that a free name takes no memory. */
export const makeMemoryLeaseStore = (timers: Pick<Timers, 'now'> = hostTimers): LeaseStore => {
  const names = new Map<string, Kept>();
  let epoch = 0;

  return {
    take: async (name, nonce, ttlMs) => {
      const now = timers.now();
      const kept = names.get(name);
      if (kept !== undefined && now < kept.freeAt) return undefined;
      epoch += 1;
      names.set(name, { token: `${epoch}:${nonce}`, freeAt: now + ttlMs });
      return epoch;
    },
    renew: async (name, token, ttlMs) => {
      const kept = names.get(name);
      if (kept?.token !== token) return false;
      kept.freeAt = timers.now() + ttlMs;
      return true;
    },
    release: async (name, token) => {
      if (names.get(name)?.token === token) names.delete(name);
    },
  };
};

/** Keeps names in a map. */
export const makeMemoryLeases = (options: MemoryLeasesOptions = {}): MemoryLeases => {
  const { timers = hostTimers, store = makeMemoryLeaseStore(timers) } = options;
  return makeHeldLeases(store, { timers });
};
