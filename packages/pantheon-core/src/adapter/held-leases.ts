import { PantheonError } from '../core/errors.ts';
import type { ILeasePort, Lease, LeaseOptions, Timers } from '../core/ports.ts';
import { isThenable } from '../core/thenable.ts';
import { hostNonce } from './host-nonce.ts';
import { hostTimers } from './host-timers.ts';
import { nameProblem } from '../core/text.ts';

/**
 * What a store does for leases, each in one atomic operation and by its own clock. A token is `<epoch>:<nonce>` and is compared as a
 * whole. Every operation must settle in the end, also where no answer comes: a client needs a time limit of its own.
 */
export interface LeaseStore {
  /**
   * Gives the name for that term where nobody has it: resolves to the epoch, higher than those before; otherwise to undefined. Where it
   * rejects, the name may be taken until the term ends: a store that knows the nonce again may be asked again.
   */
  readonly take: (name: string, nonce: string, ttlMs: number) => Promise<number | undefined>;
  /** Begins the term again, and resolves to false where the name has another token or none. */
  readonly renew: (name: string, token: string, ttlMs: number) => Promise<boolean>;
  /** Frees the name, where it still has this token. */
  readonly release: (name: string, token: string) => Promise<void>;
}

/** Settings of `makeHeldLeases`. */
export interface HeldLeasesOptions {
  /** Default: the process's monotonic clock and its timers. */
  readonly timers?: Timers | undefined;
  /** Makes what tells two leases of one epoch apart. Default: 128 random bits in hexadecimal. */
  readonly newNonce?: (() => string) | undefined;
}

/** Leases of one process. */
export interface HeldLeases extends ILeasePort {
  /**
   * Releases what is held and refuses what comes later. A release that fails is left to the end of its term. The adapter closes its
   * client afterwards, if it is its own.
   */
  readonly close: () => Promise<void>;
}

const MIN_TTL_MS = 100;
const MAX_TTL_MS = 86_400_000;
/** The part of a term in which a holder may be sure; the rest is for what it is still doing, and for clocks that differ. */
const SURE = 0.8;
/** Renewals are due after this part of a term, */
const RENEWED = 1 / 3;
/** and after this part again where one has failed. */
const RETRIED = 0.1;
/** A timer may be early by what a host rounds off; being so early does no harm, being late would. */
const EARLY_MS = 1;

const portClosed = (): PantheonError => new PantheonError('closed', 'The lease port is closed.');

const unanswered = (name: string, ttlMs: number): PantheonError =>
  new PantheonError(
    'unavailable',
    `The store did not answer within ${SURE * 100} % of the term of ${ttlMs} ms that was asked for ${JSON.stringify(name)}; ask again, or for a longer term.`,
    { retryable: true, details: { name, ttlMs } },
  );

const requireTerm = (ttlMs: number): void => {
  if (Number.isSafeInteger(ttlMs) && ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS) return;
  throw new PantheonError(
    'option-invalid',
    `ttlMs must be a whole number from ${MIN_TTL_MS} to ${MAX_TTL_MS}, not ${String(ttlMs)}.`,
  );
};

const requireName = (name: string): void => {
  const problem = nameProblem(name);
  if (problem !== undefined)
    throw new PantheonError('option-invalid', `The name of a lease ${problem}.`);
};

/**
 * The lease port on a store: what all adapters have in common.
 *
 * A term is measured from before its request was sent. A renewal that fails is sent again every tenth of the term, until the lease is
 * lost at 80 %. An `acquire` that is not answered within 80 % of its term rejects with `unavailable`, and what it was given after all
 * is released. A held lease has one timer, which keeps the process alive until it is released or lost.
 */
export const makeHeldLeases = (store: LeaseStore, options: HeldLeasesOptions = {}): HeldLeases => {
  const { timers = hostTimers, newNonce = hostNonce } = options;
  const held = new Set<Lease>();
  const acquiring = new Set<Promise<unknown>>();
  let isClosed = false;
  let closing: Promise<void> | undefined;

  const hold = (
    name: string,
    epoch: number,
    token: string,
    ttlMs: number,
    takenAt: number,
    onLost: (() => void) | undefined,
  ): Lease => {
    let isOver = false;
    let sureUntil = takenAt + ttlMs * SURE;
    let renewAt = takenAt + ttlMs * RENEWED;
    let isRenewing = false;
    let timer: unknown;
    let releasing: Promise<void> | undefined;

    const end = (): void => {
      isOver = true;
      timers.clear(timer);
      held.delete(lease);
    };

    const lose = (): void => {
      if (isOver) return;
      end();
      try {
        const result: unknown = onLost?.();
        if (isThenable(result)) Promise.resolve(result).catch(() => undefined);
      } catch {
        // The port promises to drop it: whoever holds a lease reports its own errors.
      }
    };

    const isSure = (): boolean => {
      // The timer comes late where the process was paused.
      if (!isOver && timers.now() >= sureUntil) lose();
      return !isOver;
    };

    const arm = (): void => {
      timers.clear(timer);
      const next = isRenewing ? sureUntil : Math.min(renewAt, sureUntil);
      timer = timers.set(wake, Math.max(0, Math.floor(next - timers.now())));
    };

    const wake = (): void => {
      const now = timers.now() + EARLY_MS;
      if (now >= sureUntil) return lose();
      if (!isRenewing && now >= renewAt) void renew();
      arm();
    };

    const renew = async (): Promise<void> => {
      isRenewing = true;
      const sentAt = timers.now();
      let isOurs: boolean | undefined;
      try {
        isOurs = await store.renew(name, token, ttlMs);
      } catch {
        // Sent again below; a store that stays away is noticed by the loss of the lease.
      }
      isRenewing = false;
      if (!isSure()) return;
      if (isOurs === false) return lose();
      if (isOurs === true) {
        sureUntil = sentAt + ttlMs * SURE;
        renewAt = sentAt + ttlMs * RENEWED;
      } else {
        renewAt = timers.now() + ttlMs * RETRIED;
      }
      // An answer may have taken longer than what it gives.
      if (isSure()) arm();
    };

    const tell = async (): Promise<void> => {
      try {
        await store.release(name, token);
      } catch (error) {
        releasing = undefined;
        throw error;
      }
    };

    const lease: Lease = {
      name,
      token,
      epoch,
      isHeld: isSure,
      release: () => {
        end();
        // A closed port has released what it held, and its store may be gone.
        releasing ??= closing !== undefined ? Promise.resolve() : tell();
        return releasing;
      },
    };
    held.add(lease);
    arm();
    return lease;
  };

  const take = async (
    name: string,
    ttlMs: number,
    onLost: (() => void) | undefined,
  ): Promise<Lease | undefined> => {
    const nonce = newNonce();
    const sentAt = timers.now();
    const sureMs = ttlMs * SURE;

    const ask = async (): Promise<Lease | undefined> => {
      const epoch = await store.take(name, nonce, ttlMs);
      if (epoch === undefined) return undefined;
      const token = `${epoch}:${nonce}`;
      if (!isClosed && timers.now() < sentAt + sureMs)
        return hold(name, epoch, token, ttlMs, sentAt, onLost);
      await store.release(name, token).catch(() => undefined);
      throw isClosed ? portClosed() : unanswered(name, ttlMs);
    };

    return new Promise((resolve, reject) => {
      const timer = timers.set(() => reject(unanswered(name, ttlMs)), Math.ceil(sureMs));
      const answered = (): void => timers.clear(timer);
      void ask().then(resolve, reject).finally(answered);
    });
  };

  return {
    acquire: async (name: string, { ttlMs = 30_000, onLost }: LeaseOptions = {}) => {
      if (isClosed) throw portClosed();
      requireName(name);
      requireTerm(ttlMs);
      const taking = take(name, ttlMs, onLost);
      acquiring.add(taking);
      try {
        return await taking;
      } finally {
        acquiring.delete(taking);
      }
    },

    close: () => {
      if (closing !== undefined) return closing;
      isClosed = true;
      const releases = Array.from(held, (lease) => lease.release());
      closing = Promise.allSettled([...acquiring, ...releases]).then(() => undefined);
      return closing;
    },
  };
};
