/** Leases: over several processes, the right to run an actor. Each tick takes it anew and gives it back. */
import { PantheonError, errorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { ILeasePort, Lease } from './ports.ts';

/** Waits between two tries to get a lease that another process has: the first, and the longest. Milliseconds. */
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [20, 500];

/** One tick's right to run its actor. Used once. */
export class Hold {
  readonly #kernel: Kernel;
  readonly #leases: ILeasePort;
  readonly #name: string;
  readonly #lost: () => void;
  #lease: Lease | undefined = undefined;
  #ended = false;

  /** `lost` is called when the lease is not held any more, while the hold has not ended. */
  constructor(kernel: Kernel, leases: ILeasePort, actorId: string, lost: () => void) {
    this.#kernel = kernel;
    this.#leases = leases;
    this.#name = `actor:${actorId}`;
    this.#lost = lost;
  }

  get token(): string | undefined {
    return this.#lease?.token;
  }

  isHeld(): boolean {
    return this.#lease?.isHeld() === true;
  }

  /** Resolves when the lease is held; with `patient` it is waited for, else `actor-busy` where another process has it. */
  async take(patient: boolean): Promise<void> {
    // This process has had it until now, and gives it back.
    await this.#kernel.releases.get(this.#name);
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      const lease = await this.#leases.acquire(this.#name, {
        ttlMs: this.#kernel.settings.leaseTtlMs,
        onLost: () => {
          if (!this.#ended) this.#lost();
        },
      });
      this.#lease = lease;
      if (this.#ended) this.#release();
      if (lease !== undefined || this.#ended) return;
      if (this.#kernel.isStopping)
        throw new PantheonError(
          'orchestrator-stopped',
          'the orchestrator has been stopped; it waits no longer for another process',
        );
      if (!patient)
        throw new PantheonError('actor-busy', `another process holds ${this.#name}`, {
          retryable: true,
        });
      await new Promise<void>((resolve) => {
        this.#kernel.deps.schedule.once(waitMs, resolve);
      });
      if (this.#ended) return;
    }
  }

  /** Gives the lease back, also one that is still to come. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
  }

  #release(): void {
    if (this.#lease !== undefined) release(this.#kernel, this.#lease);
  }
}

/** Gives a lease back in the background; `kernel.releases` has it until that is done. */
export const release = (kernel: Kernel, lease: Lease): void => {
  const { releases } = kernel;
  const released = lease
    .release()
    .catch((error: unknown) => {
      kernel.log(`Lease ${lease.name} could not be released; it ends with its term`, {
        error: errorInfo(error).message,
      });
    })
    .finally(() => {
      if (releases.get(lease.name) === released) releases.delete(lease.name);
    });
  releases.set(lease.name, released);
};

/** Does something while this process holds the actor; where there are no leases, at once. Rejects with `actor-busy` where another has it. */
export const withHold = async <T>(
  kernel: Kernel,
  actorId: string,
  run: () => Promise<T>,
): Promise<T> => {
  const { leases } = kernel.deps;
  if (leases === undefined) return run();
  const hold = new Hold(kernel, leases, actorId, () => {});
  try {
    await hold.take(false);
    return await run();
  } finally {
    hold.end();
  }
};
