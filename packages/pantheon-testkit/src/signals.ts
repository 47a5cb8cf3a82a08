import { getEventListeners } from 'node:events';

/** How many listeners wait for a signal's abort. */
export const abortListeners = (signal: AbortSignal): number =>
  getEventListeners(signal, 'abort').length;
