import { isThenable } from '@promethean/pantheon-core/adapter';
import type { Bounds, Policy, PortCall } from './port-call.ts';

/** How a call ended. A stream that its reader left is `left`. */
export type Ending =
  | { readonly outcome: 'ok' }
  | { readonly outcome: 'left' }
  | { readonly outcome: 'error'; readonly error: unknown };

/** A call that was let in. */
export interface Entry {
  readonly bounds?: Bounds | undefined;
  /** Told once how the call ended, before the caller is. */
  readonly leave: (ending: Ending) => void | Promise<void>;
}

/** Lets a call in at once, later, or throws. */
export type Enter = (call: PortCall<unknown>) => Entry | Promise<Entry>;

/** A policy that does something before and after each call, and leaves the call itself alone. */
export const gated = (enter: Enter): Pick<Policy, 'call' | 'stream'> => {
  const through = async <T>(call: PortCall<Promise<T>>, entry: Entry): Promise<T> => {
    let ending: Ending = { outcome: 'ok' };
    try {
      return await call.run(entry.bounds);
    } catch (error) {
      ending = { outcome: 'error', error };
      throw error;
    } finally {
      await entry.leave(ending);
    }
  };
  return {
    // The port runs inside the caller's call where nothing has to be waited for: a message sent now is sent now.
    call: async (call) => {
      const entry = enter(call);
      return through(call, isPending(entry) ? await entry : entry);
    },
    stream: async function* (call) {
      const entry = await enter(call);
      let ending: Ending = { outcome: 'left' };
      try {
        yield* call.run(entry.bounds);
        ending = { outcome: 'ok' };
      } catch (error) {
        ending = { outcome: 'error', error };
        throw error;
      } finally {
        await entry.leave(ending);
      }
    },
  };
};

const isPending = (entry: Entry | Promise<Entry>): entry is Promise<Entry> => isThenable(entry);
