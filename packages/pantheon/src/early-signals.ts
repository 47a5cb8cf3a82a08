/**
 * Signals that come before the command can stop in good order: nothing has begun yet, so it ends at once, with the code of a command
 * that has not done what it was asked for. Without a listener a process that is the first of its container would not hear them.
 */
const leave = (): never => process.exit(1);

/** Called first of all, before anything is loaded. */
export const endAtOnceOnSignal = (): void => {
  process.on('SIGINT', leave);
  process.on('SIGTERM', leave);
};

/** Called by whoever listens from now on. */
export const signalsAreHeard = (): void => {
  process.off('SIGINT', leave);
  process.off('SIGTERM', leave);
};
