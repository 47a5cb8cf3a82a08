/** The command `pantheon-journal`: what a journal has of ticks that are not finished, and the steps of one tick. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import type { RecordedTick, SqliteJournal } from '@promethean/adapter-sqlite-journal';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { UnfinishedTick } from '@promethean/pantheon-core';

const HELP = `Shows what a journal has recorded. It changes nothing.

  pantheon-journal FILE           the ticks that are not finished, oldest first
  pantheon-journal FILE TICK-ID   the steps of one tick, finished or not, with their times

  --full   values as they are, not only their beginnings
  --json   one JSON value instead of lines
  --help

Exit code: 0 shown, 1 the file cannot be read or there is no such tick, 2 wrong arguments.`;

/** What of a value is shown without --full. */
const SHOWN = 100;

class UsageError extends Error {}

const readArguments = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
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

const tickText = async (
  journal: SqliteJournal,
  tick: RecordedTick,
  full: boolean,
): Promise<string> => {
  const at = (time: number): string => `+${Math.round(time - tick.openedAt)} ms`.padStart(11);
  const steps = (await journal.steps(tick.tickId)).map(
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
  const [file, tickId, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new UsageError(
      'Give the file of a journal, and a tick if you like. See pantheon-journal --help.',
    );
  const path = resolve(file);
  // A journal would make the file.
  if (!existsSync(path)) throw new PantheonError('file-unreadable', `There is no ${path}.`);
  const journal = makeSqliteJournal({ path });
  try {
    if (tickId === undefined) {
      const ticks = await journal.unfinished();
      return values.json ? JSON.stringify(ticks) : unfinishedText(ticks);
    }
    const tick = await journal.tick(tickId);
    if (tick === undefined)
      throw new PantheonError(
        'journal-invalid',
        `The journal has no tick ${tickId}; finished ones are forgotten in time.`,
      );
    return values.json
      ? JSON.stringify({ ...tick, steps: await journal.steps(tickId) })
      : await tickText(journal, tick, values.full);
  } finally {
    await journal.close?.();
  }
};

/** Runs the command, and resolves to its exit code. */
export const runJournalCommand = async (argv: readonly string[]): Promise<number> => {
  try {
    const text = await show(argv);
    await new Promise<void>((resolve) => process.stdout.write(`${text}\n`, () => resolve()));
    return 0;
  } catch (error) {
    const isKnown = PantheonError.is(error) || error instanceof UsageError;
    const text = isKnown ? errorMessage(error) : String((error as Error).stack ?? error);
    process.stderr.write(`pantheon-journal: ${text}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
};
