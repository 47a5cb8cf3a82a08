import { errorMessage } from '@promethean/pantheon-core';
import type { IScheduler, Log, Orchestrator } from '@promethean/pantheon-core';

/** How often a process looks for what others have left. */
const RECOVERY_MS = 30_000;

/** Takes up what other processes have left, again and again. Returns what ends it. */
export const keepRecovering = (
  { recover }: Pick<Orchestrator, 'recover'>,
  { schedule, log }: { readonly schedule: IScheduler; readonly log: Log },
): (() => void) => {
  let isOver = false;
  const cancel = schedule.every(RECOVERY_MS, async () => {
    try {
      await recover();
    } catch (error) {
      if (!isOver)
        log('What other processes have left could not be taken up', { error: errorMessage(error) });
    }
  });
  return () => {
    isOver = true;
    cancel();
  };
};
