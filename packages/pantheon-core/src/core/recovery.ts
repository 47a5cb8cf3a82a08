/** Finishing what a process has left: ticks that were opened in the journal and not completed, and what stands in the state port. */
import { suspensionOf } from './approvals.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { withHold } from './leasing.ts';
import type { Loops } from './loops.ts';
import type { IJournalPort, UnfinishedTick } from './ports.ts';
import { listActors, revive } from './revival.ts';
import type { Revival } from './revival.ts';
import { closeTick, isPoison, setAside } from './set-aside.ts';
import type { Supervisor } from './supervision.ts';
import type { Suspensions } from './suspensions.ts';
import type { Actor, TickReport } from './types.ts';
import type { Waits } from './waits.ts';

/** What became of the ticks that were left unfinished. */
export interface RecoveryReport {
  readonly finished: readonly TickReport[];
  /** Ticks that did not run: their actor is gone or may not tick, or they have ended the process too often. */
  readonly left: readonly {
    readonly tickId: string;
    readonly actorId: string;
    readonly error: ErrorInfo;
  }[];
}

/** What is being finished, and what was taken up again. */
export interface Recovery extends Revival {
  /** How many ticks were left unfinished, those that wait for an approval not counted. */
  readonly ticks: number;
  /** Resolves when all of them have ended; never rejects. */
  readonly ended: Promise<RecoveryReport>;
}

/** The parts of an orchestrator that a recovery sets going. */
export interface RecoveryParts {
  readonly kernel: Kernel;
  readonly supervisor: Supervisor;
  readonly suspensions: Suspensions;
  readonly loops: Loops;
  readonly waits: Waits;
}

/** Whether the actor never ticks again, so that its tick can be closed. */
const isForGood = (error: unknown): boolean =>
  PantheonError.is(error, 'actor-not-runnable') && error.details['state'] !== 'paused';

/** One after the other to the mailboxes, so that each actor finishes its ticks in their order, and before what comes now. */
export const recover = async (parts: RecoveryParts): Promise<Recovery> => {
  const { kernel, supervisor, suspensions, loops, waits } = parts;
  const { journal } = kernel.deps;
  const unfinished = (await journal?.unfinished()) ?? [];
  const finished: TickReport[] = [];
  const left: RecoveryReport['left'][number][] = [];
  const leave = ({ tickId, actorId }: UnfinishedTick, error: unknown): void => {
    // Another process is at it.
    if (PantheonError.is(error, 'actor-busy')) return;
    left.push({ tickId, actorId, error: errorInfo(error) });
    kernel.log(`Tick ${tickId} could not be finished`, {
      actorId,
      error: errorInfo(error).message,
    });
  };
  const resumed: (() => Promise<void>)[] = [];
  for (const tick of unfinished) {
    const isAtHand = (): boolean => kernel.openTicks.has(tick.tickId) || suspensions.goesOn(tick);
    if (journal === undefined || isAtHand()) continue;
    let actor: Actor | undefined;
    try {
      actor = await suspensions.actorOf(tick);
    } catch (error) {
      // An actor of another application, or of a script that is gone: the other ticks need not wait for it.
      if (!PantheonError.is(error, 'script-unknown')) throw error;
      leave(tick, error);
      continue;
    }
    if (actor === undefined || isPoison(tick)) {
      const error = await giveUp(parts, journal, tick, actor);
      if (error !== undefined) leave(tick, error);
      continue;
    }
    const known = actor;
    const { isStanding, waitsUntil } = suspensionOf(await journal.read?.(tick.tickId));
    if (waitsUntil !== undefined && waitsUntil > kernel.deps.now()) {
      suspensions.add(known, tick.tickId, waitsUntil);
      continue;
    }
    const finish = async (): Promise<void> => {
      if (isAtHand()) return;
      try {
        const how = { isContinued: isStanding, patient: false };
        finished.push(await suspensions.goOn(tick, known, how));
      } catch (error) {
        leave(tick, error);
        if (isForGood(error)) await closeForGood(kernel, journal, tick);
      }
    };
    resumed.push(finish);
  }
  // Read now: what was set aside is no longer waited for.
  const actors = await listActors(kernel);
  const ticks = resumed.length + left.length;
  const running = resumed.map((finish) => finish());
  const revived = await revive(kernel, supervisor, loops, waits, actors);
  return {
    ...revived,
    ticks,
    ended: Promise.all(running).then(() => ({ finished, left })),
  };
};

/** Closes the tick of an actor that never ticks again. */
const closeForGood = async (
  kernel: Kernel,
  journal: IJournalPort,
  tick: UnfinishedTick,
): Promise<void> => {
  try {
    await closeTick(journal, tick, 'cancelled');
  } catch (error) {
    const { tickId, actorId } = tick;
    kernel.log(`Tick ${tickId} could not be closed`, { actorId, error: errorInfo(error).message });
  }
};

/** Closes a tick that nobody can run, unless another process is at it or has ended it. Resolves to the reason. */
const giveUp = async (
  { kernel, waits }: RecoveryParts,
  journal: IJournalPort,
  tick: UnfinishedTick,
  actor: Actor | undefined,
): Promise<unknown> => {
  try {
    return await withHold(kernel, tick.actorId, async () => {
      if (actor === undefined) {
        if (!(await closeTick(journal, tick, 'cancelled'))) return undefined;
        return new PantheonError('actor-unknown', `there is no actor ${tick.actorId} any more`);
      }
      const error = await setAside(kernel, journal, tick);
      if (error !== undefined) await waits.giveUp(actor, tick.cause);
      return error;
    });
  } catch (error) {
    if (PantheonError.is(error, 'actor-busy')) return error;
    throw error;
  }
};
