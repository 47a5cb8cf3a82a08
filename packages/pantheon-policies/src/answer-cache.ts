import type { PantheonError, Timers } from '@promethean/pantheon-core';
import { startDeadline } from './deadline.ts';

export interface AnswerCacheOptions {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly timers: Timers;
}

/** Who waits for an answer, and how long. */
export interface Asker {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly timeoutError: () => PantheonError;
  readonly abortError: () => PantheonError;
}

/** An answer, and whether it cost nothing: it was kept, or another caller asked for it. */
interface Answered<T> {
  readonly value: T;
  readonly isFree: boolean;
}

/** Answers by key. Errors are never kept. All that it hands out are copies. */
export interface AnswerCache<T> {
  readonly find: (key: string) => Answered<T> | undefined;
  /** The kept answer, or that of `ask`, which callers at the same time share; its signal aborts when none of them waits any more. */
  readonly ask: (
    key: string,
    asker: Asker,
    ask: (signal: AbortSignal) => Promise<T>,
  ) => Promise<Answered<T>>;
  /** Keeps an answer to a question that was put when `generation` was read. */
  readonly keep: (key: string, value: T, generation: number) => void;
  readonly generation: () => number;
  /** Forgets everything, answers that are under way included. */
  readonly clear: () => void;
}

interface Kept<T> {
  readonly value: T;
  readonly until: number;
}

interface Flight<T> {
  readonly answer: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

export const makeAnswerCache = <T>(options: AnswerCacheOptions): AnswerCache<T> => {
  const { ttlMs, maxEntries, timers } = options;
  /** The least recently used first. */
  const kept = new Map<string, Kept<T>>();
  const flights = new Map<string, Flight<T>>();
  let generation = 0;

  const find = (key: string): Answered<T> | undefined => {
    const entry = kept.get(key);
    if (entry === undefined) return undefined;
    kept.delete(key);
    if (entry.until <= timers.now()) return undefined;
    kept.set(key, entry);
    return { value: structuredClone(entry.value), isFree: true };
  };

  const keep = (key: string, value: T, asOf: number): void => {
    if (asOf !== generation) return;
    const copy = copyOf(value);
    if (copy === undefined) return;
    kept.delete(key);
    kept.set(key, { value: copy.value, until: timers.now() + ttlMs });
    const [oldest] = kept.keys();
    if (kept.size > maxEntries && oldest !== undefined) kept.delete(oldest);
  };

  const depart = (
    key: string,
    flightKey: string,
    ask: (signal: AbortSignal) => Promise<T>,
  ): Flight<T> => {
    const controller = new AbortController();
    const asOf = generation;
    const land = (): void => {
      if (flights.get(flightKey) === flight) flights.delete(flightKey);
    };
    const answer = (async () => {
      const value = await ask(controller.signal);
      keep(key, value, asOf);
      return value;
    })();
    const flight: Flight<T> = { answer, controller, waiting: 0 };
    flights.set(flightKey, flight);
    // Handled here as well: all who wait may have left before it fails.
    answer.then(land, land);
    return flight;
  };

  const share = async (
    key: string,
    asker: Asker,
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<Answered<T>> => {
    // The port is told the limit of the caller who comes first, so only callers with the same one share a call.
    const flightKey = `${key} ${asker.timeoutMs}`;
    const joined = flights.get(flightKey);
    const flight = joined ?? depart(key, flightKey, ask);
    flight.waiting += 1;
    let landed = false;
    const deadline = startDeadline({ ...asker, timers });
    try {
      const value = await deadline.race(flight.answer);
      landed = true;
      return joined === undefined
        ? { value, isFree: false }
        : { value: (copyOf(value) ?? { value }).value, isFree: true };
    } catch (error) {
      landed = deadline.passed() === undefined;
      throw error;
    } finally {
      deadline.end();
      flight.waiting -= 1;
      if (!landed && flight.waiting === 0) {
        if (flights.get(flightKey) === flight) flights.delete(flightKey);
        flight.controller.abort(deadline.passed());
      }
    }
  };

  return {
    find,
    keep,
    ask: async (key, asker, ask) => {
      if (asker.signal?.aborted === true) throw asker.abortError();
      return find(key) ?? share(key, asker, ask);
    },
    generation: () => generation,
    clear: () => {
      generation += 1;
      kept.clear();
      // Whoever asks from now on asks anew; those who wait still get their answer.
      flights.clear();
    },
  };
};

/** A copy, or nothing where there is none: of a function, for instance. */
const copyOf = <T>(value: T): { readonly value: T } | undefined => {
  try {
    return { value: structuredClone(value) };
  } catch {
    return undefined;
  }
};
