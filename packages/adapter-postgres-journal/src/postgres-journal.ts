/** A journal on PostgreSQL: what ticks did, in two tables, for any number of processes. */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import {
  type IJournalPort,
  type JsonValue,
  PantheonError,
  type RecordedTick,
  type TickRecord,
  type TickStatus,
  type UnfinishedTick,
} from '@promethean/pantheon-core';
import {
  inputText,
  isLongerThan,
  makeTickRecord,
  nameProblem,
  requireTick,
  requireWhole,
  textProblem,
  tickConflict,
} from '@promethean/pantheon-core/adapter';
import { makePostgresTables, type PostgresOptions } from '@promethean/postgres-schema';
import { makeBatch } from './batch.ts';
import { MIGRATIONS } from './journal-tables.ts';
import { makeStatements } from './statements.ts';

export type {
  PostgresConnection,
  PostgresPool,
  PostgresSession,
  PostgresSettings,
} from '@promethean/postgres-schema';

/** Settings of `makePostgresJournal`. Exactly one of `url`, `settings`, `pool` and `session` says where the database is. */
export interface PostgresJournalOptions extends PostgresOptions {
  /** Default `journal`: the ticks. With `_step` appended it holds their steps, with `_schema` the version of both. */
  readonly table?: string | undefined;
  /**
   * How long a finished tick is kept, in milliseconds: so long is a message that comes again recognised. Default 604,800,000 (seven
   * days).
   */
  readonly keepFinishedMs?: number | undefined;
}

/** A journal in two tables. */
export interface PostgresJournal extends IJournalPort {
  /** Connects and makes the tables now, not at the first call. Rejects like any call. */
  readonly ready: () => Promise<void>;
  readonly read: (tickId: string) => Promise<RecordedTick | undefined>;
  readonly close: () => Promise<void>;
}

interface TickRow {
  readonly id: string;
  readonly actor: string;
  readonly cause: string | null;
  readonly input: string | null;
  readonly opened: number;
  readonly attempt: number;
  readonly status: TickStatus | null;
  readonly completedAt: number | null;
}

/** An opening, as its statement takes it. */
interface Opening {
  readonly id: string;
  readonly actor: string;
  readonly cause: string | null;
  readonly input: string | null;
  readonly resume: boolean;
  /** Tells this opening from others, however often it is sent. */
  readonly opening: string;
}

/** A tick that was opened. Without a number: its id is taken. */
interface OpenedRow {
  readonly opening: string;
  readonly number: string | null;
  readonly id: string;
  readonly attempt: number;
  readonly status: TickStatus | null;
  /** JSON: names and texts. */
  readonly known: string | null;
}

/** Finished ticks that are removed with one statement at most, and the time between two looks at them. */
const [PRUNED_AT_ONCE, PRUNE_EVERY_MS] = [200, 60_000];
/** How often an opening is sent that others are in the way of, which takes an opening of the same tick at the same moment. */
const MAX_OPENINGS = 10;
/** The bytes of a step's name: what an index of PostgreSQL takes. */
const MAX_NAME_BYTES = 2_000;

/** The parameter of a statement for many. */
const listOf = (jobs: readonly object[]): string =>
  JSON.stringify(jobs.map((job, place) => ({ one: 1, place, ...job })));

const tickOf = (row: TickRow): UnfinishedTick => ({
  tickId: row.id,
  actorId: row.actor,
  ...(row.cause === null ? undefined : { cause: row.cause }),
  ...(row.input === null ? undefined : { input: JSON.parse(row.input) as JsonValue }),
  attempt: row.attempt,
  openedAt: row.opened,
});

const requireStepName = (name: string): void => {
  const problem = isLongerThan(name, MAX_NAME_BYTES)
    ? `must not be longer than ${MAX_NAME_BYTES} bytes`
    : textProblem(name);
  if (problem !== undefined)
    throw new PantheonError('journal-invalid', `The name of a step ${problem}.`);
};

/**
 * Makes a journal on PostgreSQL (12 or newer; tested on 15) or PGlite. It connects at the first call or by `ready`. What is asked for
 * in one turn of the process is one statement.
 *
 * @throws PantheonError `option-invalid` for an option that is wrong.
 */
export const makePostgresJournal = (options: PostgresJournalOptions): PostgresJournal => {
  const { keepFinishedMs = 604_800_000 } = options;
  requireWhole({ keepFinishedMs }, 0);
  const { call, close, names, run } = makePostgresTables(options, {
    what: 'journal',
    table: 'journal',
    migrations: MIGRATIONS,
    conflict: 'unavailable',
    doubt: 'open the tick again to see what is recorded',
  });
  const statements = makeStatements(names);

  const sendOpenings = async (jobs: readonly Opening[]): Promise<readonly OpenedRow[]> => {
    const answers = new Map<string, OpenedRow>();
    for (let round = 1; round <= MAX_OPENINGS; round += 1) {
      const left = jobs.filter(({ opening }) => !answers.has(opening));
      const rows = await run(statements.open, [listOf(left)], 'again');
      for (const row of rows as readonly OpenedRow[]) {
        // The tick of the same cause counts, whoever has the id.
        if (row.number !== null || !answers.has(row.opening)) answers.set(row.opening, row);
      }
      if (answers.size === jobs.length)
        return jobs.map(({ opening }) => answers.get(opening) as OpenedRow);
    }
    throw new PantheonError(
      'unavailable',
      'Other processes opened the same ticks again and again at the same moment; try again.',
      { retryable: true },
    );
  };
  const open = makeBatch<Opening, OpenedRow>({
    send: sendOpenings,
    keysOf: ({ id, actor, cause }) => [
      `id ${id}`,
      ...(cause === null ? [] : [`${actor}\n${cause}`]),
    ],
    sizeOf: ({ input }) => 200 + (input?.length ?? 0),
  });

  const record = makeBatch<
    { readonly tick: string; readonly name: string; readonly value: string },
    string
  >({
    send: async (jobs) => {
      const rows = await run(statements.record, [listOf(jobs)], 'again');
      const texts = jobs.map(({ value }) => value);
      for (const { place } of rows as readonly { readonly place: number }[]) {
        const { tick, name } = jobs[place] as (typeof jobs)[number];
        const [row] = await run(statements.recorded, [tick, name], 'none');
        // Nothing: it was finished and removed meanwhile, and so nobody will ask for this step.
        if (row !== undefined) texts[place] = (row as { readonly value: string }).value;
      }
      return texts;
    },
    keysOf: ({ tick, name }) => [`${tick} ${name}`],
    sizeOf: ({ name, value }) => name.length + value.length,
  });

  const complete = makeBatch<
    { readonly tick: string; readonly status: TickStatus | undefined },
    undefined
  >({
    send: async (jobs) => {
      await run(statements.complete, [listOf(jobs)], 'again');
      return [];
    },
    keysOf: ({ tick }) => [tick],
    sizeOf: () => 100,
  });

  let prunedAt = Number.NEGATIVE_INFINITY;
  const prune = async (): Promise<void> => {
    const at = performance.now();
    if (at - prunedAt < PRUNE_EVERY_MS) return;
    prunedAt = at;
    const [row] = await run(statements.prune, [keepFinishedMs, PRUNED_AT_ONCE], 'again');
    // Where there was more than is removed at once, the next opening goes on.
    if ((row as { readonly ticks: number }).ticks === PRUNED_AT_ONCE)
      prunedAt = Number.NEGATIVE_INFINITY;
  };

  const recordOf = (opened: OpenedRow): TickRecord => {
    const tick = opened.number as string;
    const made = makeTickRecord(
      { tickId: opened.id, attempt: opened.attempt, status: opened.status ?? undefined },
      {
        known: new Map(
          opened.known === null ? [] : (JSON.parse(opened.known) as [string, string][]),
        ),
        write: (name, value) => call(() => record({ tick, name, value })),
        complete: (status) => call(() => complete({ tick, status })),
      },
    );
    return {
      ...made,
      step: async (name, step) => {
        // Before it runs, because what it did could not be recorded.
        requireStepName(name);
        return made.step(name, step);
      },
    };
  };

  return {
    ready: () => call(async () => undefined),

    open: async (tick, { resume = false } = {}) => {
      requireTick(tick);
      const { tickId: id, actorId: actor, cause = null } = tick;
      const input = inputText(tick) ?? null;
      const opened = await call(() =>
        open({ id, actor, cause, input, resume, opening: randomUUID() }),
      );
      // Beside the tick, which does not wait for it; what fails is tried again with a later one.
      call(prune).catch(() => undefined);
      if (opened.number === null) throw tickConflict(id);
      return recordOf(opened);
    },

    unfinished: () =>
      call(async () => {
        const rows = await run(statements.unfinished, [], 'none');
        return (rows as readonly TickRow[]).map(tickOf);
      }),

    read: (tickId) =>
      call(async () => {
        // No tick has such an id, and PostgreSQL would refuse the statement.
        if (nameProblem(tickId) !== undefined) return undefined;
        const [found] = await run(statements.read, [tickId], 'none');
        if (found === undefined) return undefined;
        const row = found as TickRow & { readonly steps: string | null };
        const steps = JSON.parse(row.steps ?? '[]') as [string, string, number][];
        return {
          ...tickOf(row),
          status: row.status ?? undefined,
          completedAt: row.completedAt ?? undefined,
          steps: steps.map(([name, value, recordedAt]) => ({
            name,
            value: JSON.parse(value) as JsonValue,
            recordedAt,
          })),
        };
      }),

    close,
  };
};
