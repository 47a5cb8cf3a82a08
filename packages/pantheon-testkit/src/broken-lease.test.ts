import type { ILeasePort, Lease, LeaseOptions } from '@promethean/pantheon-core';
import type { LeaseStore } from '@promethean/pantheon-core/adapter';
import type { ManualTimers } from '@promethean/pantheon-core/memory';
import { describeBroken, describeProved, insteadOf, type Wrap } from '../test/broken-ports.ts';
import { makeMemoryLeaseHarness } from './memory-harnesses.ts';
import { leaseSuite } from './index.ts';

/** A port whose leases are changed. */
const leaseOf =
  (change: (lease: Lease, timers: ManualTimers) => Partial<Lease>): Wrap<ILeasePort> =>
  (leases, timers) => ({
    ...leases,
    acquire: async (name, options) => {
      const lease = await leases.acquire(name, options);
      return lease && { ...lease, ...change(lease, timers) };
    },
  });

/** A port that is told something else. */
const toldOf =
  (change: (options: LeaseOptions, timers: ManualTimers) => LeaseOptions): Wrap<ILeasePort> =>
  (leases, timers) => ({
    ...leases,
    acquire: (name, options = {}) => leases.acquire(name, change(options, timers)),
  });

/** A lease that nobody gave. */
const madeUp = (name: string): Lease => ({
  name,
  token: `1:${name}`,
  epoch: 1,
  isHeld: () => true,
  release: () => Promise.resolve(),
});

describeBroken<ReturnType<typeof makeMemoryLeaseHarness>, ILeasePort>(
  'a lease port',
  leaseSuite,
  makeMemoryLeaseHarness,
  [
    ['keeps every rule', [], (leases) => leases],
    [
      'gives a name to two that ask at once',
      ['lease:1'],
      (leases) => {
        let asking = 0;
        return {
          ...leases,
          acquire: async (name, options) => {
            const isAlone = asking === 0;
            asking += 1;
            const lease = await leases.acquire(name, options).finally(() => (asking -= 1));
            return lease ?? (isAlone ? undefined : madeUp(name));
          },
        };
      },
    ],
    [
      'waits until the name is free',
      ['lease:1', 'lease:3', 'lease:6', 'lease:7', 'lease:8', 'port:1', 'port:2'],
      (leases, timers) => ({
        ...leases,
        acquire: async (name, options) => {
          for (;;) {
            const lease = await leases.acquire(name, options);
            if (lease !== undefined) return lease;
            await new Promise<void>((resolve) => timers.set(resolve, 10));
          }
        },
      }),
    ],
    [
      'has one lease for all names',
      ['lease:1', 'lease:8', 'port:1'],
      (leases) => ({
        ...leases,
        acquire: async (name, options) => {
          const lease = await leases.acquire(name === 'b' ? 'a' : name, options);
          return lease && { ...lease, name };
        },
      }),
    ],
    [
      'reads a name up to its colon',
      ['lease:8'],
      (leases) => ({
        ...leases,
        acquire: async (name, options) => {
          const whole = typeof name === 'string' ? name.replace(/(?<=.):.*/, '') : name;
          const lease = await leases.acquire(whole, options);
          return lease && { ...lease, name };
        },
      }),
    ],
    [
      'gives one token twice',
      ['lease:2'],
      (leases) => {
        const counts = new Map<string, number>();
        return {
          ...leases,
          acquire: async (name, options) => {
            const lease = await leases.acquire(name, options);
            if (lease === undefined) return undefined;
            const epoch = (counts.get(name) ?? 0) + 1;
            counts.set(name, epoch);
            return { ...lease, epoch, token: `${epoch}:token` };
          },
        };
      },
    ],
    [
      'counts every lease as the first',
      ['lease:2'],
      leaseOf(({ token }) => ({ epoch: 1, token: `1:${token}` })),
    ],
    [
      'leaves the epoch out of the token',
      ['lease:2'],
      leaseOf(({ token }) => ({ token: token.slice(token.indexOf(':') + 1) })),
    ],
    [
      'is sure for ever',
      ['lease:4', 'lease:5', 'port:2'],
      leaseOf(({ release }) => {
        let isHeld = true;
        return {
          isHeld: () => isHeld,
          release: () => {
            isHeld = false;
            return release();
          },
        };
      }),
    ],
    [
      'is sure again some time after the loss',
      ['lease:4', 'lease:5'],
      (leases, timers) => ({
        ...leases,
        acquire: async (name, options = {}) => {
          let lostAt = Infinity;
          const onLost = (): void => {
            lostAt = timers.now();
            options.onLost?.();
          };
          const lease = await leases.acquire(name, { ...options, onLost });
          return lease && { ...lease, isHeld: () => lease.isHeld() || timers.now() > lostAt + 100 };
        },
      }),
    ],
    [
      'is sure for a little longer',
      ['lease:4', 'lease:5'],
      (leases, timers) => ({
        ...leases,
        acquire: async (name, options = {}) => {
          let lostAt = -Infinity;
          const onLost = (): void => {
            lostAt = timers.now();
            options.onLost?.();
          };
          const lease = await leases.acquire(name, { ...options, onLost });
          return lease && { ...lease, isHeld: () => lease.isHeld() || timers.now() < lostAt + 10 };
        },
      }),
    ],
    [
      'is sure until its release has been answered',
      ['lease:4'],
      leaseOf(({ isHeld, release }) => {
        let releasing = 0;
        return {
          isHeld: () => releasing > 0 || isHeld(),
          release: () => {
            releasing += 1;
            return release().finally(() => (releasing -= 1));
          },
        };
      }),
    ],
    [
      'is never sure',
      ['lease:1', 'lease:3', 'lease:4', 'lease:5', 'lease:6', 'port:1'],
      leaseOf(() => ({ isHeld: () => false })),
    ],
    [
      'tells a loss twice',
      ['lease:5'],
      toldOf((options) => ({
        ...options,
        onLost: () => {
          options.onLost?.();
          options.onLost?.();
        },
      })),
    ],
    ['never tells a loss', ['lease:5'], toldOf((options) => ({ ...options, onLost: undefined }))],
    [
      'tells a loss at the end of the term',
      ['lease:5'],
      toldOf((options, timers) => ({
        ...options,
        onLost: () => timers.set(() => options.onLost?.(), 60),
      })),
    ],
    [
      'tells a loss to those who ask',
      ['lease:5'],
      (leases) => ({
        ...leases,
        acquire: async (name, options = {}) => {
          let isLost = false;
          const onLost = (): void => {
            isLost = true;
          };
          const lease = await leases.acquire(name, { ...options, onLost });
          const isHeld = (): boolean => {
            const isSure = lease?.isHeld() === true;
            if (isLost) options.onLost?.();
            isLost = false;
            return isSure;
          };
          return lease && { ...lease, isHeld };
        },
      }),
    ],
    [
      'tells a release as a loss',
      ['lease:5', 'port:2'],
      (leases) => ({
        ...leases,
        acquire: async (name, options = {}) => {
          const lease = await leases.acquire(name, options);
          const release = async (): Promise<void> => {
            options.onLost?.();
            await lease?.release();
          };
          return lease && { ...lease, release };
        },
      }),
    ],
    [
      'lets the errors of onLost out',
      ['lease:5'],
      toldOf((options) => ({
        ...options,
        onLost: () => void Promise.resolve().then(options.onLost),
      })),
    ],
    [
      'refuses a second release',
      ['lease:6'],
      leaseOf(({ release }) => {
        let releases = 0;
        return {
          release: () => ((releases += 1) > 1 ? Promise.reject(new Error('not held')) : release()),
        };
      }),
    ],
    [
      'takes no number for the default',
      ['lease:8'],
      toldOf((options) => (Number.isNaN(options.ttlMs) ? {} : options)),
    ],
    [
      'takes a name that is empty',
      ['lease:8'],
      (leases) => ({
        ...leases,
        acquire: (name, options) => leases.acquire(name === '' ? 'empty' : name, options),
      }),
    ],
    [
      'throws instead of rejecting',
      ['lease:8'],
      (leases) => ({
        ...leases,
        acquire: (name, options) => {
          if (Number.isNaN(options?.ttlMs)) throw new TypeError('ttlMs is no number');
          return leases.acquire(name, options);
        },
      }),
    ],
    [
      'writes to its options',
      ['port:1'],
      toldOf((options) => Object.assign(options, { ttlMs: options.ttlMs })),
    ],
    [
      'releases what its lease says now',
      ['port:1'],
      (leases) => {
        const held = new Map<string, Lease>();
        return {
          ...leases,
          acquire: async (name, options) => {
            const given = await leases.acquire(name, options);
            if (given === undefined) return undefined;
            held.set(name, given);
            const lease: Lease = {
              ...given,
              release: async () => held.get(lease.name)?.release(),
            };
            return lease;
          },
        };
      },
    ],
    [
      'works after close',
      ['port:2'],
      (leases) => ({
        ...leases,
        acquire: (name, options) =>
          insteadOf(leases.acquire(name, options), 'closed', () => undefined),
      }),
    ],
    [
      'keeps what is held when it is closed',
      ['harness:2', 'port:2'],
      (leases) => {
        let isClosed = false;
        return {
          acquire: async (name, options) =>
            isClosed
              ? leases.close?.().then(() => leases.acquire(name))
              : leases.acquire(name, options),
          close: async () => {
            isClosed = true;
          },
        };
      },
    ],
    [
      'forgets what is being acquired when it is closed',
      ['port:2'],
      (leases) => {
        const held = new Set<Lease>();
        let closing: Promise<unknown> | undefined;
        return {
          acquire: async (name, options) => {
            if (closing !== undefined) await leases.close?.();
            const lease = await leases.acquire(name, options);
            if (lease !== undefined) held.add(lease);
            return lease;
          },
          close: async () => {
            closing ??= Promise.all(Array.from(held, ({ release }) => release()));
            await closing;
          },
        };
      },
    ],
    [
      'takes a store that is away for a name that is taken',
      ['port:3'],
      (leases) => ({
        ...leases,
        acquire: (name, options) =>
          insteadOf(leases.acquire(name, options), 'unavailable', () => undefined),
      }),
    ],
    [
      'lets the errors of a client out',
      ['port:3'],
      (leases) => ({
        ...leases,
        acquire: (name, options) =>
          insteadOf(leases.acquire(name, options), 'unavailable', () =>
            Promise.reject(new Error('ECONNREFUSED')),
          ),
      }),
    ],
    [
      'leaves a timer',
      ['harness:2'],
      leaseOf((_, timers) => {
        timers.set(() => undefined, 1_000_000_000);
        return {};
      }),
    ],
  ],
);

describeBroken<ReturnType<typeof makeMemoryLeaseHarness>, LeaseStore>(
  'a lease port on a store',
  leaseSuite,
  (wrap) => makeMemoryLeaseHarness(undefined, wrap),
  [
    ['keeps every rule', [], (store) => store],
    [
      'never renews',
      ['lease:3', 'lease:6', 'port:1'],
      (store) => ({ ...store, renew: () => Promise.reject(new Error('not today')) }),
    ],
    [
      'never frees the name of a holder that is gone',
      ['lease:2', 'lease:6', 'lease:7'],
      (store) => ({
        ...store,
        take: (name, nonce) => store.take(name, nonce, 1_000_000_000),
      }),
    ],
    [
      'frees the name of a holder that may be sure',
      ['lease:7'],
      (store) => ({
        ...store,
        take: (name, nonce, ttlMs) => store.take(name, nonce, ttlMs * 0.7),
        renew: (name, token, ttlMs) => store.renew(name, token, ttlMs * 0.7),
      }),
    ],
    [
      'forgets the epoch with the lease',
      ['lease:2'],
      (store) => {
        const epochs = new Map<string, number>();
        return {
          ...store,
          take: async (name, nonce, ttlMs) => {
            const epoch = await store.take(name, nonce, ttlMs);
            if (epoch !== undefined) epochs.set(`1:${nonce}`, epoch);
            return epoch && 1;
          },
          renew: (name, token, ttlMs) =>
            store.renew(name, token.replace('1', `${epochs.get(token)}`), ttlMs),
          release: (name, token) => store.release(name, token.replace('1', `${epochs.get(token)}`)),
        };
      },
    ],
    [
      'lets a lost lease free the name of the next holder',
      ['lease:6'],
      (store) => {
        const tokens = new Map<string, string>();
        return {
          ...store,
          take: async (name, nonce, ttlMs) => {
            const epoch = await store.take(name, nonce, ttlMs);
            if (epoch !== undefined) tokens.set(name, `${epoch}:${nonce}`);
            return epoch;
          },
          release: (name) => store.release(name, tokens.get(name) ?? ''),
        };
      },
    ],
    [
      'leaves a released name to its term',
      ['lease:2', 'lease:6', 'lease:8', 'port:1', 'port:2'],
      (store) => ({ ...store, release: async () => undefined }),
    ],
  ],
);

describeProved(leaseSuite);
