/** The command `pantheon-journal`: what a journal has of ticks that are not finished, and the steps of one tick. */
import { parseArgs } from 'node:util';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { RecordedTick, UnfinishedTick } from '@promethean/pantheon-core';
import { openJournal, PlaceError, withoutPasswords } from './open-journal.ts';

const HELP = `Shows what a journal has recorded. It changes no tick; on PostgreSQL the adapter makes its tables where they are missing.

  pantheon-journal JOURNAL           the ticks that are not finished, oldest first
  pantheon-journal JOURNAL TICK-ID   the steps of one tick, finished or not, with their times

JOURNAL is a SQLite file, or an address: redis://..., rediss://... or postgres://...

  --namespace NAME   of a journal on Redis, where it is not "pantheon"
  --schema NAME      of a journal on PostgreSQL, where it is not "pantheon"
  --table NAME       of a journal on PostgreSQL, where it is not "journal"
  --full             values as they are, not only their beginnings
  --json             one JSON value instead of lines
  --help

Exit code: 0 shown, 1 the journal cannot be read or there is no such tick, 2 wrong arguments.`;

/** What of a value is shown without --full. */
const SHOWN = 100;

class UsageError extends Error {}

const readArguments = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        namespace: { type: 'string' },
        schema: { type: 'string' },
        table: { type: 'string' },
        full: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    const [sentence = ''] = errorMessage(error).split(/\.\s/);
    throw new UsageError(`${sentence}. See pantheon-journal --help.`);
  }
};

/** What actors, users and models have written is data: no control character of it reaches the terminal. */
const plain = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');

const valueText = (value: unknown, full: boolean): string => {
  const text = plain(JSON.stringify(value));
  return full || text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`;
};

const title = ({ tickId, actorId, cause, attempt }: UnfinishedTick): string =>
  plain(
    `${tickId} of ${actorId}${cause === undefined ? '' : `, because of ${cause}`}${attempt === 1 ? '' : `, opened ${attempt} times`}`,
  );

const unfinishedText = (ticks: readonly UnfinishedTick[]): string => {
  const lines = ticks.map((tick) => `  ${new Date(tick.openedAt).toISOString()}  ${title(tick)}`);
  return ticks.length === 0
    ? 'Every tick is finished.'
    : [`${ticks.length} not finished:`, ...lines].join('\n');
};

const tickText = (tick: RecordedTick, full: boolean): string => {
  const at = (time: number): string => `+${Math.round(time - tick.openedAt)} ms`.padStart(11);
  const steps = tick.steps.map(
    ({ name, value, recordedAt }) => `${at(recordedAt)}  ${plain(name)}  ${valueText(value, full)}`,
  );
  const end =
    tick.completedAt === undefined
      ? `${'…'.padStart(11)}  not finished`
      : `${at(tick.completedAt)}  ${tick.status}`;
  const opened = `${at(tick.openedAt)}  opened ${new Date(tick.openedAt).toISOString()}  ${valueText(tick.input ?? {}, full)}`;
  return [title(tick), opened, ...steps, end].join('\n');
};

const show = async (argv: readonly string[]): Promise<string> => {
  const { values, positionals } = readArguments(argv);
  if (values.help) return HELP;
  const [target, tickId, ...more] = positionals;
  if (target === undefined || more.length > 0)
    throw new UsageError(
      'Give the file or the address of a journal, and a tick if you like. See pantheon-journal --help.',
    );
  const journal = await openJournal(target, values);
  try {
    if (tickId === undefined) {
      const ticks = await journal.unfinished();
      return values.json ? JSON.stringify(ticks) : unfinishedText(ticks);
    }
    const tick = await journal.read(tickId);
    if (tick === undefined)
      throw new PantheonError(
        'journal-invalid',
        `The journal has no tick ${tickId}; finished ones are forgotten in time.`,
      );
    return values.json ? JSON.stringify(tick) : tickText(tick, values.full);
  } finally {
    await journal.close();
  }
};

/** Runs the command, and resolves to its exit code. */
export const runJournalCommand = async (argv: readonly string[]): Promise<number> => {
  try {
    const text = await show(argv);
    await new Promise<void>((resolve) => process.stdout.write(`${text}\n`, () => resolve()));
    return 0;
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof PlaceError;
    const isKnown = PantheonError.is(error) || isUsage;
    const text = isKnown ? errorMessage(error) : String((error as Error).stack ?? error);
    const safe = argv.reduce((left, one) => withoutPasswords(one)(left), text);
    process.stderr.write(`pantheon-journal: ${safe}\n`);
    return isUsage ? 2 : 1;
  }
};
