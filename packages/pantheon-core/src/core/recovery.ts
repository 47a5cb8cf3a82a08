/** Finishing what a process has left: ticks that were opened in the journal and not completed. */
import { PantheonError, errorInfo } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import { recordedInput } from './journaling.ts';
import type { Kernel } from './kernel.ts';
import type { Mailboxes } from './mailbox.ts';
import type { IJournalPort, UnfinishedTick } from './ports.ts';
import type { TickReport } from './types.ts';

/** What became of the ticks that were left unfinished. */
export interface RecoveryReport {
  readonly finished: readonly TickReport[];
  /** Ticks that did not run: their actor is gone or may not tick. */
  readonly left: readonly {
    readonly tickId: string;
    readonly actorId: string;
    readonly error: ErrorInfo;
  }[];
}

/** Ticks that are being finished. */
export interface Recovery {
  /** How many were left unfinished. */
  readonly ticks: number;
  /** Resolves when all of them have ended; never rejects. */
  readonly ended: Promise<RecoveryReport>;
}

/** One after the other to the mailboxes, so that each actor finishes its ticks in their order, and before what comes now. */
export const recover = async (kernel: Kernel, mailboxes: Mailboxes): Promise<Recovery> => {
  const { journal, state } = kernel.deps;
  if (journal === undefined) {
    throw new PantheonError(
      'capability-missing',
      'there is no journal to recover from; give makeOrchestrator one (deps.journal)',
    );
  }
  const finished: TickReport[] = [];
  const left: RecoveryReport['left'][number][] = [];
  const leave = ({ tickId, actorId }: UnfinishedTick, error: unknown): void => {
    left.push({ tickId, actorId, error: errorInfo(error) });
    kernel.log(`Tick ${tickId} could not be finished`, {
      actorId,
      error: errorInfo(error).message,
    });
  };
  const running: Promise<void>[] = [];
  for (const tick of await journal.unfinished()) {
    if (kernel.openTicks.has(tick.tickId)) continue;
    const actor = await state.get(tick.actorId);
    if (actor === undefined) {
      await close(journal, tick);
      leave(tick, new PantheonError('actor-unknown', `there is no actor ${tick.actorId} any more`));
      continue;
    }
    const input = recordedInput(tick.input);
    const request = { actor, input, fresh: true, resumed: tick.tickId, caller: undefined };
    running.push(
      mailboxes.submit(request).then(
        (report) => void finished.push(report),
        (error: unknown) => leave(tick, error),
      ),
    );
  }
  return {
    ticks: running.length + left.length,
    ended: Promise.all(running).then(() => ({ finished, left })),
  };
};

const close = async (
  journal: IJournalPort,
  { tickId, actorId, cause, input }: UnfinishedTick,
): Promise<void> => {
  const record = await journal.open({ tickId, actorId, cause, input });
  await record.complete('cancelled');
};
