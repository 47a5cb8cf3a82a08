import { inputText, makeTickRecord, tickConflict } from '../adapter/tick-record.ts';
import { PantheonError } from '../core/errors.ts';
import type {
  IJournalPort,
  JournalTick,
  Now,
  RecordedTick,
  UnfinishedTick,
} from '../core/ports.ts';
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
  readonly read: (tickId: string) => Promise<RecordedTick | undefined>;
  readonly close: () => Promise<void>;
}

interface Kept {
  readonly tick: Pick<JournalTick, 'tickId' | 'actorId' | 'cause'>;
  readonly input: string | undefined;
  readonly openedAt: number;
  readonly steps: Map<string, string>;
  readonly recordedAt: Map<string, number>;
  attempt: number;
  status: TickStatus | undefined;
  completedAt: number | undefined;
}

const openedOf = ({ tick, input, attempt, openedAt }: Kept): UnfinishedTick => ({
  ...tick,
  ...(input === undefined ? undefined : { input: JSON.parse(input) as JsonValue }),
  attempt,
  openedAt,
});

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
    throw tickConflict(tickId);
  };

  const keep = (tick: JournalTick): Kept => {
    const { tickId, actorId, cause } = tick;
    const input = inputText(tick);
    const kept: Kept = {
      tick: { tickId, actorId, ...(cause === undefined ? undefined : { cause }) },
      input,
      openedAt: now(),
      steps: new Map(),
      recordedAt: new Map(),
      attempt: 0,
      status: undefined,
      completedAt: undefined,
    };
    ticks.set(tickId, kept);
    if (cause !== undefined) byCause.set(causeKey(actorId, cause), kept);
    return kept;
  };

  return {
    open: async (tick, { resume = false } = {}) => {
      requireOpen();
      const kept = find(tick) ?? keep(tick);
      if (!resume || kept.attempt === 0) kept.attempt += 1;
      return makeTickRecord(
        { tickId: kept.tick.tickId, attempt: kept.attempt, status: kept.status },
        {
          known: kept.steps,
          write: async (name, text) => {
            requireOpen();
            const first = kept.steps.get(name);
            if (first !== undefined) return first;
            kept.steps.set(name, text);
            kept.recordedAt.set(name, now());
            return text;
          },
          complete: async (status) => {
            requireOpen();
            kept.status = status;
            kept.completedAt = status && now();
            finished.delete(kept);
            if (status !== undefined) finished.add(kept);
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
      return [...ticks.values()].filter(({ status }) => status === undefined).map(openedOf);
    },
    read: async (tickId) => {
      requireOpen();
      const kept = ticks.get(tickId);
      if (kept === undefined) return undefined;
      const { steps, recordedAt, status, completedAt } = kept;
      return {
        ...openedOf(kept),
        status,
        completedAt,
        steps: Array.from(steps, ([name, text]) => ({
          name,
          value: JSON.parse(text) as JsonValue,
          recordedAt: recordedAt.get(name) as number,
        })),
      };
    },
    close: async () => {
      isClosed = true;
    },
  };
};
