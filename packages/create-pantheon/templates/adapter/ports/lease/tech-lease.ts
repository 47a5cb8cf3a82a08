import { type ILeasePort, PantheonError, type Timers } from '@promethean/pantheon-core';
import { makeHeldLeases } from '@promethean/pantheon-core/adapter';

/** Settings of `makeTechLease`. */
export interface TechLeaseOptions {
  /** The clock and timers of holders. Default: the process's own. */
  readonly timers?: Timers;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechLease: ${member} is not implemented yet.`);

/**
 * The rules are in the documentation of `ILeasePort`, numbered; the contract suite fails with the numbers of those that do not hold yet.
 * `makeHeldLeases` renews, gives up in time and checks arguments; what is left is three atomic operations of a store, by its own clock.
 */
export const makeTechLease = (options: TechLeaseOptions = {}): ILeasePort =>
  makeHeldLeases(
    {
      // lease:1, lease:2, lease:7
      take: () => Promise.reject(missing('take')),
      // lease:3; only where the name still has this token
      renew: () => Promise.reject(missing('renew')),
      // lease:6; only where the name still has this token
      release: () => Promise.reject(missing('release')),
    },
    options,
  );
