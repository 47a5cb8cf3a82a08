/** How many calls run at the same time; the others wait in the order in which they came. */
export interface Gate {
  /** Runs `begin` as soon as there is room, at once if there is. Returns what leaves the gate, or the queue. */
  readonly enter: (begin: () => void) => () => void;
}

/** A gate for at most `maxConcurrent` calls. */
export const makeGate = (maxConcurrent: number): Gate => {
  const waiting = new Set<() => void>();
  let inside = 0;
  let admitting = false;

  const admit = (): void => {
    // A call that ends while it begins comes back here; the loop below goes on for it, so that no stack grows.
    if (admitting) return;
    admitting = true;
    for (const begin of waiting) {
      if (inside >= maxConcurrent) break;
      waiting.delete(begin);
      inside += 1;
      begin();
    }
    admitting = false;
  };

  return {
    enter: (begin) => {
      let left = false;
      const entry = (): void => begin();
      waiting.add(entry);
      admit();
      return () => {
        if (left) return;
        left = true;
        if (waiting.delete(entry)) return;
        inside -= 1;
        admit();
      };
    },
  };
};
