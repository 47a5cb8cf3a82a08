/**
 * W5, the journal: a tick with one plan and three calls of a tool with effects, without a journal and with each of ours, beside
 * the raw driver's transactions of one record. A tick makes nine records: its opening, the plan, an intent and an outcome for each
 * call, and its end.
 */
import { makeActorFactory, makeOrchestrator } from '@promethean/pantheon-core';
import type { Action, Actor, OrchestratorDeps } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { hasPostgres, hasRedis, startPostgres, startRedis } from '@promethean/services';
import { hold } from './contest.ts';
import type { Disciplines } from './contest.ts';
import { EMBEDDED, POSTGRES, REDIS, SERVED, redisLeases } from './journal-contestants.ts';
import type { Pair } from './journal-contestants.ts';
import type { Workload } from './result.ts';

const ONE = 'one actor';
const MANY = '100 actors at once';
const ACTORS = 100;
const CALLS = 3;
const RECORDS = 3 + 2 * CALLS;
/** CPU milliseconds: most of the time is spent waiting for the disk. */
const SLICE_MS = 60;

/**
 * One record a transaction. In a file nothing can be shared, since who has a record must not wait for another's; on a server 100 are
 * under way at once.
 */
const recording = async ({ raw, makeRaw, isConcurrent }: Pair): Promise<Disciplines> => {
  const write = await makeRaw();
  let number = 0;
  const record = async (): Promise<void> => {
    number += 1;
    if (!(await write(number, `action 0/0/${number % CALLS} #1`)))
      throw new Error(`${raw} did not do its work`);
  };
  const run = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) await record();
  };
  const runAtOnce = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += ACTORS)
      await Promise.all(Array.from({ length: ACTORS }, record));
  };
  return { [ONE]: { run }, [MANY]: { batch: ACTORS, run: isConcurrent ? runAtOnce : run } };
};

const ticking = (more: Pick<OrchestratorDeps, 'journal' | 'leases'>): Disciplines => {
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
    ...more,
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

const PLAIN = 'a tick without a journal';
const LEASED = 'a tick without a journal, with adapter-redis-lease';

/** The disciplines of one contestant. */
export const enter = async (name: string): Promise<Disciplines> => {
  if (name === PLAIN) return ticking({});
  if (name === LEASED) return ticking({ leases: await redisLeases() });
  for (const pair of [...EMBEDDED, ...SERVED]) {
    if (name === pair.raw) return recording(pair);
    if (name === pair.adapter) return ticking({ journal: await pair.makeJournal() });
  }
  throw new Error(`There is no contestant "${name}".`);
};

/** A Redis that has every record on its disk before it answers, as PostgreSQL has by default. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

export const journal: Workload = async (effort) => {
  const redis = !effort.quick && hasRedis() ? await startRedis({ args: DURABLE }) : undefined;
  const postgres = !effort.quick && hasPostgres() ? await startPostgres() : undefined;
  if (redis !== undefined) process.env[REDIS] = redis.url;
  if (postgres !== undefined) process.env[POSTGRES] = postgres.url;
  try {
    const running = { [REDIS]: redis, [POSTGRES]: postgres };
    const pairs = [
      ...EMBEDDED,
      ...SERVED.filter(({ needs }) => needs !== undefined && running[needs] !== undefined),
    ];
    const names = [
      PLAIN,
      ...(redis === undefined ? [] : [LEASED]),
      ...pairs.flatMap(({ raw, adapter }) => [raw, adapter]),
    ];
    const costOf = await hold('journal.ts', names, effort, SLICE_MS);
    const rate = (name: string, discipline: string): number =>
      1_000_000 / costOf(name, discipline).wallUs;
    /** Records a second, as a multiple of the raw driver's. */
    const times = ({ raw, adapter }: Pair, discipline: string): number =>
      (rate(adapter, discipline) * RECORDS) / rate(raw, discipline);
    const missing = [
      ...(redis === undefined ? ['Redis'] : []),
      ...(postgres === undefined ? ['PostgreSQL'] : []),
    ];
    return {
      title: 'W5: the journal',
      notes: [
        `A tick with the journal makes ${RECORDS} records. Both servers write every record to the disk before they answer, on this machine.`,
        ...(missing.length === 0 ? [] : [`Left out: ${missing.join(' and ')}.`]),
      ],
      tables: [
        {
          title: 'A second of elapsed time; and records as a multiple of the raw transactions',
          columns: [ONE, MANY].flatMap((discipline) => [discipline, 'x raw']),
          rows: names.map((name) => {
            const pair = pairs.find(({ adapter }) => adapter === name);
            return {
              name,
              values: [ONE, MANY].flatMap((discipline) => [
                rate(name, discipline),
                pair && times(pair, discipline),
              ]),
            };
          }),
        },
      ],
      targets: EMBEDDED.flatMap((pair) => [
        {
          what: `the embedded journal, ${pair.synchronous}: records of one actor, x raw`,
          actual: times(pair, ONE),
          limit: 0.5,
          sense: 'least' as const,
        },
        {
          what: `the embedded journal, ${pair.synchronous}: records of 100 actors, x raw`,
          actual: times(pair, MANY),
          limit: 3,
          sense: 'least' as const,
        },
      ]),
    };
  } finally {
    await redis?.close();
    await postgres?.close();
  }
};
