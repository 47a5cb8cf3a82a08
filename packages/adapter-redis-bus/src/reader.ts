/** The blocking reader: one connection that waits for rings and for messages to plain subscriptions. */
import { allKey, bellKey } from './keys.ts';
import type { Settings } from './options.ts';
import type { Entry, PlainSubscriptions } from './plain-subscriptions.ts';
import type { Link } from './redis-client.ts';
import type { Turns } from './turns.ts';

export interface ReaderOptions {
  readonly settings: Settings;
  readonly prefix: string;
  readonly instance: string;
  readonly plain: PlainSubscriptions;
  readonly turns: Turns;
  /** There may be work for this member: it was rung for, or it is time to look. */
  readonly onRing: () => void;
}

export interface Reader {
  /** Begins to read over a connection that is ready; reads until that connection ends. */
  readonly read: (link: Link) => void;
  /** Milliseconds since a read came back; undefined before the first. */
  readonly lastReadAgeMs: () => number | undefined;
  readonly stop: () => void;
}

const MAX_ENTRIES = 128;
/** Beyond this many deliveries that wait, nothing more is read: what is not read is kept by Redis. */
const HIGH_WATER = 4_096;

type Reply = readonly (readonly [key: string, entries: readonly Entry[]])[] | null;

export const makeReader = ({
  settings,
  prefix,
  instance,
  plain,
  turns,
  onRing,
}: ReaderOptions): Reader => {
  const { pollMs, commandTimeoutMs } = settings;
  const bell = bellKey(prefix, instance);
  const all = allKey(prefix);
  let rung = '0';
  let lastRead: number | undefined;
  let isStopped = false;
  /** Counts connections, so that the loop of an old one ends. */
  let turn = 0;

  const next = async (link: Link, isCurrent: () => boolean): Promise<void> => {
    if (turns.length() > HIGH_WATER) await new Promise<void>((resolve) => turns.push(resolve));
    // A read that blocks cannot be told to look at one more stream.
    await plain.whenPlaced();
    // The connection may have been made anew meanwhile, and its own loop would read the same once more.
    if (!isCurrent()) return;
    const position = plain.position();
    const keys = position === '' ? [bell, rung] : [bell, all, rung, position];
    // The watchdog: a connection may look alive and carry nothing.
    const watchdog = setTimeout(
      () => link.reset(new Error('Redis did not answer a blocking read in time')),
      pollMs + commandTimeoutMs,
    );
    try {
      const reply = (await link.call(
        'xread',
        'COUNT',
        MAX_ENTRIES,
        'BLOCK',
        pollMs,
        'STREAMS',
        ...keys,
      )) as Reply;
      lastRead = performance.now();
      let wasRung = reply === null;
      for (const [key, entries] of reply ?? []) {
        if (key === bell) {
          rung = entries.at(-1)?.[0] ?? rung;
          wasRung = true;
        } else plain.take(entries);
      }
      if (wasRung) onRing();
    } finally {
      clearTimeout(watchdog);
    }
  };

  return {
    read: (link) => {
      turn += 1;
      const own = turn;
      const isCurrent = (): boolean => !isStopped && own === turn;
      const loop = async (): Promise<void> => {
        try {
          while (isCurrent()) await next(link, isCurrent);
        } catch (error) {
          if (isCurrent()) link.reset(error);
        }
      };
      void loop();
    },
    lastReadAgeMs: () => (lastRead === undefined ? undefined : performance.now() - lastRead),
    stop: () => {
      isStopped = true;
    },
  };
};
