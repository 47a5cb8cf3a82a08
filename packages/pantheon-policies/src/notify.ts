import { isThenable } from '@promethean/pantheon-core/adapter';

/** Tells an application's callback something. What it throws or rejects with changes nothing. */
export const notify = <E>(callback: ((event: E) => unknown) | undefined, event: E): void => {
  if (callback === undefined) return;
  try {
    const result = callback(event);
    // Typed away on purpose: a callback that is declared to return nothing may still be async.
    if (isThenable(result)) result.then(ignore, ignore);
  } catch {
    // An observer is not part of the call that it observes.
  }
};

const ignore = (): void => undefined;
