/** Ticks that are not run any more: of actors that are gone, and those during which the process ended each time. */
import { PantheonError } from './errors.ts';
import { recordedInput } from './journaling.ts';
import type { Kernel } from './kernel.ts';
import type { IJournalPort, UnfinishedTick } from './ports.ts';
import type { TickStatus } from './types.ts';

/** A tick that was opened this often and has not ended takes the process with it. */
const MAX_OPENINGS = 10;

export const isPoison = ({ attempt }: UnfinishedTick): boolean => attempt >= MAX_OPENINGS;

/** Completes a tick without running it; resolves to false where it has ended meanwhile. */
export const closeTick = async (
  journal: IJournalPort,
  { tickId, actorId, cause, input }: UnfinishedTick,
  status: TickStatus,
): Promise<boolean> => {
  const record = await journal.open({ tickId, actorId, cause, input }, { resume: true });
  if (record.status !== undefined) return false;
  await record.complete(status);
  return true;
};

/** Closes a tick as failed, visibly, and its message becomes a dead letter. Resolves to the reason; to undefined where it has ended meanwhile. */
export const setAside = async (
  kernel: Kernel,
  journal: IJournalPort,
  tick: UnfinishedTick,
): Promise<PantheonError | undefined> => {
  const { tickId, actorId, attempt } = tick;
  const error = new PantheonError(
    'deliveries-exceeded',
    `the tick ${tickId} was begun ${attempt} times, and each time the process ended before it did; it is not begun again`,
    { details: { tickId, attempt } },
  );
  if (!(await closeTick(journal, tick, 'failed'))) return undefined;
  const reason = { code: error.code, message: error.message, retryable: false };
  const at = kernel.deps.now();
  kernel.counts.rejected += 1;
  kernel.emit({ type: 'tick-ended', at, actorId, tickId, error: reason });
  const message = recordedInput(tick.input)?.message;
  if (message !== undefined)
    await kernel.bury(actorId, { message, reason, attempts: attempt, deadAt: at });
  return error;
};
