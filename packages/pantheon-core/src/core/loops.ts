/** Loops: actors that tick at an interval. */
import { PantheonError, errorInfo } from './errors.ts';
import type { LoopSkipped } from './events.ts';
import { isDelay } from './guards.ts';
import type { Kernel } from './kernel.ts';
import { isSpawned } from './limits.ts';
import { release } from './leasing.ts';
import type { Mailboxes } from './mailbox.ts';
import type { Lease } from './ports.ts';
import type { Supervisor } from './supervision.ts';
import type { Actor, ActorRecord, TickReport } from './types.ts';

class Loop {
  readonly actor: Actor;
  readonly intervalMs: number;
  /** 0 between turns; in one, 1 and how often the scheduler has called meanwhile. */
  busy = 0;
  /** Whether `stop` has been called: asked in every turn, and cheaper than a look-up among a hundred thousand loops. */
  stopped = false;
  stop: () => void = () => {};
  /** With leases: this process runs the loop while it holds this one. */
  lease: Lease | undefined = undefined;

  constructor(actor: Actor, intervalMs: number) {
    this.actor = actor;
    this.intervalMs = intervalMs;
  }
}

export class Loops {
  readonly #kernel: Kernel;
  readonly #mailboxes: Mailboxes;
  readonly #supervisor: Supervisor;
  readonly #loops = new Map<string, Loop>();
  #stopped = false;

  constructor(kernel: Kernel, mailboxes: Mailboxes, supervisor: Supervisor) {
    this.#kernel = kernel;
    this.#mailboxes = mailboxes;
    this.#supervisor = supervisor;
  }

  get size(): number {
    return this.#loops.size;
  }

  /** Ticks the actor every `intervalMs` until the returned function is called. */
  start(actor: Actor, intervalMs: number): () => void {
    if (this.#stopped) {
      throw new PantheonError(
        'orchestrator-stopped',
        'the orchestrator has been stopped; it starts no loop',
      );
    }
    if (!isDelay(intervalMs, 1)) {
      throw new PantheonError(
        'interval-invalid',
        `the interval of ${actor.id}'s loop is ${String(intervalMs)}; it must be an integer from 1 to 2147483647 (milliseconds)`,
      );
    }
    const running = this.#loops.get(actor.id);
    if (running !== undefined) {
      if (running.intervalMs === intervalMs) return running.stop;
      throw new PantheonError(
        'interval-invalid',
        `${actor.id} loops every ${running.intervalMs} ms already; stop that loop before you start one of ${intervalMs} ms`,
      );
    }
    const loop = new Loop(actor, intervalMs);
    // Over many processes an actor that several of them loop ticks once.
    const { schedule } = this.#kernel.deps;
    const shared = schedule.named?.(`loop:${actor.id}`) ?? schedule;
    const cancel = shared.every(intervalMs, () => this.#turn(loop));
    loop.stop = () => {
      if (loop.stopped) return;
      loop.stopped = true;
      this.#loops.delete(actor.id);
      cancel?.();
      if (loop.lease !== undefined) release(this.#kernel, loop.lease);
      this.#tell('loop-stopped', loop);
    };
    this.#loops.set(actor.id, loop);
    this.#tell('loop-started', loop);
    return loop.stop;
  }

  stop(): void {
    this.#stopped = true;
    for (const loop of this.#loops.values()) loop.stop();
  }

  #turn(loop: Loop): Promise<void> | undefined {
    // A scheduler may call once more although it was told to stop; this orchestrator keeps its own word.
    if (loop.stopped) return undefined;
    if (loop.busy > 0) {
      loop.busy += 1;
      return this.#skip(loop, 'busy');
    }
    const resumeAt = this.#supervisor.resumeAt(loop.actor.id);
    if (resumeAt > 0 && resumeAt > this.#kernel.deps.now()) return this.#skip(loop, 'backoff');
    return this.#tickLoop(loop);
  }

  async #tickLoop(loop: Loop): Promise<void> {
    loop.busy = 1;
    const since = this.#kernel.deps.now();
    try {
      if (this.#kernel.deps.leases !== undefined && !(await this.#leads(loop))) {
        this.#skip(loop, 'elsewhere');
        return;
      }
      const known = await this.#kernel.deps.state.get(loop.actor.id);
      // Nobody else has the function that stops it.
      if (known === undefined && isSpawned(loop.actor)) loop.stop();
      // Stopped while the record was being read: no tick starts after stop().
      if (!loop.stopped) await this.#tick(loop.actor, known);
    } catch (error) {
      if (PantheonError.is(error, 'actor-not-runnable')) {
        this.#skip(loop, 'not-runnable');
        // A paused actor may go on; one that is completed or failed will not.
        if (error.details['state'] !== 'paused') loop.stop();
      } else if (!PantheonError.is(error, 'orchestrator-stopped')) {
        this.#kernel.log(`Actor loop error for ${loop.actor.id}`, {
          error: errorInfo(error).message,
        });
      }
    } finally {
      // Turns that a scheduler skipped by itself, because the promise of this one was open.
      const due = Math.floor((this.#kernel.deps.now() - since) / loop.intervalMs);
      const skipped = due - (loop.busy - 1);
      if (skipped > 0 && !loop.stopped) this.#skip(loop, 'busy', skipped);
      loop.busy = 0;
    }
  }

  /** Whether the loop is this process's to run. Schedules that are shared over processes see to that themselves. */
  async #leads(loop: Loop): Promise<boolean> {
    const { leases, schedule } = this.#kernel.deps;
    if (leases === undefined || schedule.named !== undefined) return true;
    if (loop.lease?.isHeld() === true) return true;
    loop.lease = await leases.acquire(`loop:${loop.actor.id}`, {
      ttlMs: this.#kernel.settings.leaseTtlMs,
    });
    if (!loop.stopped) return loop.lease !== undefined;
    if (loop.lease !== undefined) release(this.#kernel, loop.lease);
    return false;
  }

  /** Ticks the actor as the state port knows it, or as it was given where the port does not. */
  #tick(actor: Actor, known: ActorRecord | undefined): Promise<TickReport> {
    return this.#mailboxes.submit({
      actor: known ?? actor,
      input: undefined,
      fresh: known !== undefined,
      caller: undefined,
    });
  }

  #skip(loop: Loop, reason: LoopSkipped['reason'], turns = 1): undefined {
    this.#kernel.turnsSkipped += turns;
    this.#kernel.emit({
      type: 'loop-skipped',
      at: this.#kernel.deps.now(),
      actorId: loop.actor.id,
      reason,
      turns,
    });
  }

  #tell(type: 'loop-started' | 'loop-stopped', { actor, intervalMs }: Loop): void {
    this.#kernel.emit({ type, at: this.#kernel.deps.now(), actorId: actor.id, intervalMs });
  }
}
