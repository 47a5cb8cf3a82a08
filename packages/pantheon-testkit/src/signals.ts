import { getEventListeners } from 'node:events';
import { eventually } from './assertions.ts';

/** Requires that nobody waits for a signal's abort any more; a connection's own clean-up may take some turns. */
export const noListener = (signal: AbortSignal): Promise<void> =>
  eventually(
    () => getEventListeners(signal, 'abort').length === 0,
    'a listener stays on the signal',
  );
