/**
 * W5, the journal: a tick with one plan and three calls of a tool with effects, without a journal and with the embedded one, beside
 * the raw driver's transactions of one record. A tick makes nine records: its opening, the plan, an intent and an outcome for each
 * call, and its end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import type { Action, Actor, IJournalPort } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { hold } from './contest.ts';
import type { Disciplines } from './contest.ts';
import type { Workload } from './result.ts';

const ONE = 'one actor';
const MANY = '100 actors at once';
const ACTORS = 100;
const CALLS = 3;
const RECORDS = 3 + 2 * CALLS;
/** CPU milliseconds: most of the time is spent waiting for the disk. */
const SLICE_MS = 60;

type Durability = 'full' | 'normal';

const freshFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'journal.db');
};

/** As long as a recorded outcome of a small result. */
const RECORD = JSON.stringify({ value: { text: 'done '.repeat(20) } });

/** One record a transaction. Nothing can be shared: who has a record must not wait for another's. */
const rawSqlite = (synchronous: Durability): Disciplines => {
  const database = new DatabaseSync(freshFile());
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};
    CREATE TABLE step (tick INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, recorded REAL NOT NULL, PRIMARY KEY (tick, name)) STRICT, WITHOUT ROWID`);
  const insert = database.prepare('INSERT INTO step VALUES (?, ?, ?, ?)');
  let number = 0;
  const run = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      number += 1;
      const { changes } = insert.run(number, `action 0/0/${number % CALLS} #1`, RECORD, Date.now());
      if (changes !== 1) throw new Error('The raw driver did not do its work');
    }
  };
  return { [ONE]: { run }, [MANY]: { run } };
};

const ticking = (journal: IJournalPort | undefined): Disciplines => {
  const tools = makeMemoryTools();
  let calls = 0;
  tools.register({
    name: 'work',
    idempotent: true,
    invoke: () => {
      calls += 1;
      return { text: 'done '.repeat(20) };
    },
  });
  const orchestrator = makeOrchestrator({
    now: Date.now,
    log: () => {},
    context: makeMemoryContext(),
    tools,
    llm: makeScriptedLlm([]),
    bus: makeMemoryBus(),
    schedule: makeMemoryScheduler(),
    state: makeMemoryState(),
    ...(journal !== undefined && { journal }),
  });
  const { createActor, createBehavior, createTalent } = makeActorFactory();
  const actions = Array.from({ length: CALLS }, (): Action => ({
    type: 'tool',
    name: 'work',
    args: {},
  }));
  const talents = [
    createTalent('work', [createBehavior('act', 'persistent', () => ({ actions }))]),
  ];
  const script = { name: 'worker', contextSources: [], talents };
  const actors = Array.from({ length: ACTORS }, () => createActor(script, ['work']));
  const tick = async (actor: Actor): Promise<void> => {
    const { status, outcomes } = await orchestrator.tickActor(actor);
    if (status !== 'ok' || outcomes.length !== CALLS) throw new Error('A tick did not do its work');
  };
  const require = (before: number, times: number): void => {
    if (calls - before !== times * CALLS) throw new Error('A tool was not called');
  };
  return {
    [ONE]: {
      run: async (times) => {
        const before = calls;
        for (let n = 0; n < times; n += 1) await tick(actors[0] as Actor);
        require(before, times);
      },
    },
    [MANY]: {
      batch: ACTORS,
      run: async (times) => {
        const before = calls;
        for (let n = 0; n < times; n += ACTORS) await Promise.all(actors.map(tick));
        require(before, times);
      },
    },
  };
};

const sqliteJournal = async (synchronous: Durability): Promise<Disciplines> => {
  const { makeSqliteJournal } = await import('@promethean/adapter-sqlite-journal');
  return ticking(makeSqliteJournal({ path: freshFile(), synchronous }));
};

const PLAIN = 'a tick without a journal';
const RAW = (synchronous: Durability): string => `a transaction of node:sqlite, ${synchronous}`;
const JOURNALED = (synchronous: Durability): string =>
  `a tick with adapter-sqlite-journal, ${synchronous}`;
const DURABILITIES = ['full', 'normal'] as const;

/** The disciplines of one contestant. */
export const enter = async (name: string): Promise<Disciplines> => {
  if (name === PLAIN) return ticking(undefined);
  for (const synchronous of DURABILITIES) {
    if (name === RAW(synchronous)) return rawSqlite(synchronous);
    if (name === JOURNALED(synchronous)) return sqliteJournal(synchronous);
  }
  throw new Error(`There is no contestant "${name}".`);
};

export const journal: Workload = async (effort) => {
  const names = [
    PLAIN,
    ...DURABILITIES.flatMap((synchronous) => [RAW(synchronous), JOURNALED(synchronous)]),
  ];
  const costOf = await hold('journal.ts', names, effort, SLICE_MS);
  const rate = (name: string, discipline: string): number =>
    1_000_000 / costOf(name, discipline).wallUs;
  /** Records a second, as a multiple of the raw driver's. */
  const times = (synchronous: Durability, discipline: string): number =>
    (rate(JOURNALED(synchronous), discipline) * RECORDS) / rate(RAW(synchronous), discipline);
  const synchronousOf = (name: string): Durability | undefined =>
    DURABILITIES.find((synchronous) => name === JOURNALED(synchronous));
  return {
    title: 'W5: the journal',
    notes: [`A tick with the journal makes ${RECORDS} records.`],
    tables: [
      {
        title: 'A second of elapsed time; and records as a multiple of the raw transactions',
        columns: [ONE, MANY].flatMap((discipline) => [discipline, 'x raw']),
        rows: names.map((name) => {
          const synchronous = synchronousOf(name);
          return {
            name,
            values: [ONE, MANY].flatMap((discipline) => [
              rate(name, discipline),
              synchronous && times(synchronous, discipline),
            ]),
          };
        }),
      },
    ],
    targets: DURABILITIES.flatMap((synchronous) => [
      {
        what: `the embedded journal, ${synchronous}: records of one actor, x raw`,
        actual: times(synchronous, ONE),
        limit: 0.5,
        sense: 'least' as const,
      },
      {
        what: `the embedded journal, ${synchronous}: records of 100 actors, x raw`,
        actual: times(synchronous, MANY),
        limit: 3,
        sense: 'least' as const,
      },
    ]),
  };
};
