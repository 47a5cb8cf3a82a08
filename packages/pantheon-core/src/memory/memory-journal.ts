import { inputText, makeTickRecord } from '../adapter/tick-record.ts';
import { PantheonError } from '../core/errors.ts';
import type { IJournalPort, JournalTick, Now } from '../core/ports.ts';
import type { JsonValue, TickStatus } from '../core/types.ts';
import { requireWhole } from '../adapter/options.ts';
import { hostNow } from './host.ts';

/** Settings of `makeMemoryJournal`. */
export interface MemoryJournalOptions {
  /** Finished ticks that are kept, to recognise a cause that comes again. The oldest go first. Default 10,000. */
  readonly keepFinished?: number | undefined;
  /** Default: the process's wall clock. */
  readonly now?: Now | undefined;
}

/** A journal in this process: it outlives orchestrators, not the process. For tests. */
export interface MemoryJournal extends IJournalPort {
  readonly close: () => Promise<void>;
}

interface Kept {
  readonly tick: Pick<JournalTick, 'tickId' | 'actorId' | 'cause'>;
  readonly input: string | undefined;
  readonly openedAt: number;
  readonly steps: Map<string, string>;
  attempt: number;
  status: TickStatus | undefined;
}

const causeKey = (actorId: string, cause: string): string => JSON.stringify([actorId, cause]);

/** Keeps ticks in a map. */
export const makeMemoryJournal = (options: MemoryJournalOptions = {}): MemoryJournal => {
  const { keepFinished = 10_000, now = hostNow } = options;
  requireWhole({ keepFinished }, 0);
  const ticks = new Map<string, Kept>();
  const byCause = new Map<string, Kept>();
  /** In the order in which they were finished. */
  const finished = new Set<Kept>();
  let isClosed = false;

  const requireOpen = (): void => {
    if (isClosed) throw new PantheonError('closed', 'the journal has been closed');
  };

  const forget = (kept: Kept): void => {
    const { tickId, actorId, cause } = kept.tick;
    finished.delete(kept);
    ticks.delete(tickId);
    if (cause !== undefined) byCause.delete(causeKey(actorId, cause));
  };

  const find = ({ tickId, actorId, cause }: JournalTick): Kept | undefined => {
    const same = cause === undefined ? undefined : byCause.get(causeKey(actorId, cause));
    const named = same ?? ticks.get(tickId);
    if (named === undefined || (named.tick.actorId === actorId && named.tick.cause === cause))
      return named;
    throw new PantheonError(
      'journal-conflict',
      `the tick ${tickId} exists with another actor or cause; give every tick an id of its own (newId)`,
    );
  };

  const keep = (tick: JournalTick): Kept => {
    const { tickId, actorId, cause } = tick;
    const input = inputText(tick);
    const kept: Kept = {
      tick: { tickId, actorId, ...(cause === undefined ? undefined : { cause }) },
      input,
      openedAt: now(),
      steps: new Map(),
      attempt: 0,
      status: undefined,
    };
    ticks.set(tickId, kept);
    if (cause !== undefined) byCause.set(causeKey(actorId, cause), kept);
    return kept;
  };

  return {
    open: async (tick) => {
      requireOpen();
      const kept = find(tick) ?? keep(tick);
      kept.attempt += 1;
      return makeTickRecord(
        { tickId: kept.tick.tickId, attempt: kept.attempt, status: kept.status },
        {
          known: kept.steps,
          write: async (name, text) => {
            requireOpen();
            const first = kept.steps.get(name);
            if (first === undefined) kept.steps.set(name, text);
            return first ?? text;
          },
          complete: async (status) => {
            requireOpen();
            kept.status = status;
            finished.delete(kept);
            finished.add(kept);
            for (const oldest of finished) {
              if (finished.size <= keepFinished) break;
              forget(oldest);
            }
          },
        },
      );
    },
    unfinished: async () => {
      requireOpen();
      return [...ticks.values()]
        .filter(({ status }) => status === undefined)
        .map(({ tick, input, attempt, openedAt }) => ({
          ...tick,
          ...(input === undefined ? undefined : { input: JSON.parse(input) as JsonValue }),
          attempt,
          openedAt,
        }));
    },
    close: async () => {
      isClosed = true;
    },
  };
};
