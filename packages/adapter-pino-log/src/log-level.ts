import type { Level } from 'pino';

/** Lines of every tick, with contents in their details. */
const ROUTINE = ['Ticking actor: ', 'Executing action: '];
/** A failed action ends nothing: its siblings still run, and the tick reports it. */
const ACTION = 'Action ';

/**
 * The level of a record. `Log` has none, so it follows from what is logged:
 *
 * - `error`: the details have an `error`, or are one, or cannot be read.
 * - `warn`: so, but the error says `retryable: true`, or the line is about one action.
 * - `debug`: what every tick logs: `Ticking actor: …`, `Executing action: …`.
 * - `info`: everything else.
 */
export const levelOf = (message: string, meta: unknown): Level => {
  try {
    if (typeof meta === 'object' && meta !== null) {
      const error = meta instanceof Error ? meta : (meta as { error?: unknown }).error;
      if (error !== undefined && error !== null) {
        const isPassing = (error as { retryable?: unknown }).retryable === true;
        return isPassing || message.startsWith(ACTION) ? 'warn' : 'error';
      }
    }
    return ROUTINE.some((beginning) => message.startsWith(beginning)) ? 'debug' : 'info';
  } catch {
    return 'error';
  }
};
