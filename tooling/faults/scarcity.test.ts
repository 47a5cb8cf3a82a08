/** Group I6: a processor that others take, file descriptors that run out, disks that are full. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { makePostgresState } from '@promethean/adapter-postgres-state';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { makeSqliteJournal } from '@promethean/adapter-sqlite-journal';
import { makeSqliteState } from '@promethean/adapter-sqlite-state';
import { type ActorScript, PantheonError, makeActorFactory } from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryScheduler,
  makeMemoryTools,
} from '@promethean/pantheon-core/memory';
import { hasPostgres, hasRedis, startPostgres, startRedis } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { MISSING, describeWithRedis } from '@promethean/services/vitest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { behavior, makeDesk } from './desk.ts';
import type { Seen } from './scarcity/fd-child.ts';
import { type SmallDisk, hasSmallDisks, makeSmallDisk } from './scarcity/small-disk.ts';

const TEST_MS = 180_000;
const factory = makeActorFactory();
const script: ActorScript = {
  name: 'writer',
  contextSources: [],
  talents: [
    factory.createTalent('all', [
      behavior('write', ({ userMessage = '' }) => ({
        actions: [{ type: 'tool', name: 'note', args: { text: userMessage } }],
      })),
    ]),
  ],
};

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (PantheonError.is(error) ? error.code : `foreign: ${String(error)}`),
  );

/** How often each of the codes came. */
const tally = (codes: readonly string[]): string =>
  [...new Set(codes)]
    .sort()
    .map((code) => `${code} ${codes.filter((one) => one === code).length}`)
    .join(', ');

const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-scarcity-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

describeWithRedis('beside others', (redis) => {
  test('I6: two neighbours that take the processor', { timeout: TEST_MS }, async (context) => {
    const messages = IS_FULL ? 5_000 : 200;
    const hogs = [0, 1].map(() =>
      spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore', timeout: TEST_MS }),
    );
    onTestFinished(() => {
      for (const hog of hogs) hog.kill('SIGKILL');
    });
    const folder = makeFolder();
    const options = { url: redis().url, namespace: `hog-${process.pid}-${Date.now()}` };
    const bus = makeRedisBus({ ...options, leaseMs: 1_000, pollMs: 200 });
    const state = makeSqliteState({ path: join(folder, 'state.db'), scripts: [script] });
    const journal = makeSqliteJournal({ path: join(folder, 'journal.db') });
    const noted: string[] = [];
    const tools = makeMemoryTools();
    tools.register({ name: 'note', invoke: ({ text }) => noted.push(String(text)) });
    const schedule = makeMemoryScheduler();
    const { orchestrator } = makeDesk({ bus, state, journal, tools, schedule, now: Date.now });
    for (let n = 0; n < 5; n += 1) await state.spawn(script, 'write', { id: `a${n}` });
    orchestrator.listen({ group: 'writers' });
    await bus.ready();
    const began = performance.now();
    const codes = await Promise.all(
      Array.from({ length: messages }, (_, n) =>
        codeOf(bus.send({ from: 'user', to: `a${n % 5}`, content: `${n}` })),
      ),
    );
    await until('all messages', () => new Set(noted).size === messages);
    const ms = Math.round(performance.now() - began);
    await orchestrator.stop();
    const dead = (await bus.deadLetters.list()).length;
    for (const port of [bus, schedule, journal, state]) await port.close();
    noteFigures(context, 'I6', {
      what: 'CPU hogs',
      sends: tally(codes),
      lost: messages - new Set(noted).size,
      repeated: noted.length - messages,
      dead,
      ms,
    });
    expect(tally(codes)).toBe(`ok ${messages}`);
    expect([noted.length, dead]).toEqual([messages, 0]);
  });

  test('I6: sixty-four file descriptors', { timeout: TEST_MS }, async (context) => {
    const node = [
      '--conditions=@promethean/source',
      '--no-warnings',
      join(import.meta.dirname, 'scarcity/fd-child.ts'),
      redis().url,
    ];
    const { stdout } = await promisify(execFile)(
      '/bin/sh',
      ['-c', 'ulimit -n 64 && exec "$@"', 'limited', process.execPath, ...node],
      { timeout: 90_000 },
    );
    const { used, during, after, unhandled, listed } = JSON.parse(stdout) as Seen;
    noteFigures(context, 'I6', {
      what: 'descriptors',
      used,
      during: tally(Object.values(during)),
      after: tally(Object.values(after)),
      unhandled,
    });
    // What needs a new descriptor says so, what has its own goes on.
    expect(during).toEqual({
      toolWithFile: 'tool-failed',
      tool: 'ok',
      openState: 'ok',
      newState: 'file-unreadable',
      redis: 'unavailable',
    });
    expect(new Set(Object.values(after))).toEqual(new Set(['ok']));
    expect([unhandled, listed]).toEqual([0, 3]);
  });
});

const canMount = hasSmallDisks();
const name = 'a disk that is full';

describe.skipIf(!canMount)(canMount ? name : `${name} (${MISSING}mounting)`, () => {
  const disk = (megabytes: number): SmallDisk => {
    const made = makeSmallDisk(megabytes);
    onTestFinished(made.close);
    return made;
  };
  /** Servers keep their data below the folder for temporary files. */
  const onDisk = async <T>({ folder }: SmallDisk, start: () => Promise<T>): Promise<T> => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
    try {
      return await start();
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  };

  test('I6: under a SQLite state and a SQLite journal', { timeout: TEST_MS }, async (context) => {
    const small = disk(4);
    const path = (file: string): string => join(small.folder, file);
    const state = makeSqliteState({ path: path('state.db'), scripts: [script] });
    const journal = makeSqliteJournal({ path: path('journal.db') });
    const noted: string[] = [];
    const tools = makeMemoryTools();
    tools.register({ name: 'note', invoke: ({ text }) => noted.push(String(text)) });
    const bus = makeMemoryBus();
    const schedule = makeMemoryScheduler();
    const { orchestrator } = makeDesk({ state, journal, tools, bus, schedule, now: Date.now });
    const actor = await state.spawn(script, 'write', { id: 'ada', metadata: { spawned: 0 } });
    const message = (id: string) => ({
      id,
      from: 'user',
      to: 'ada',
      content: id,
      hops: 0,
      sentAt: 1,
    });
    const tick = (id: string) =>
      orchestrator.tickActor(actor, { userMessage: id, message: message(id) });
    const work = async (from: number, until_: number, kept: string[]) => {
      const codes = { spawns: [] as string[], ticks: [] as string[] };
      for (let n = from; n < until_; n += 1) {
        const metadata = { text: 'x'.repeat(3_000), n };
        const spawned = await codeOf(state.spawn(script, 'write', { id: `b${n}`, metadata }));
        if (spawned === 'ok') kept.push(`b${n}`);
        codes.spawns.push(spawned);
        codes.ticks.push(
          await tick(`m${n}`).then(
            ({ status, outcomes, behaviors }) =>
              outcomes[0]?.error?.code ?? behaviors[0]?.error?.code ?? status,
            (error: unknown) =>
              PantheonError.is(error) ? error.code : `foreign: ${String(error)}`,
          ),
        );
      }
      return codes;
    };
    const kept: string[] = ['ada'];
    const before = await work(0, 10, kept);
    small.fill(64 * 1_024);
    const during = await work(10, 60, kept);
    const onFullDisk = await codeOf(state.list());
    small.free();
    // What was refused works now, by the same ports; a message that comes again is handled once.
    const after = await work(60, 70, kept);
    const again: string[] = [];
    for (let n = 0; n < 70; n += 1)
      again.push(
        await tick(`m${n}`).then(
          ({ status }) => status,
          () => 'rejected',
        ),
      );
    const listed = (await state.list()).map(({ id }) => id);
    const unfinished = (await journal.unfinished()).length;
    await orchestrator.stop();
    for (const port of [schedule, bus, journal, state]) await port.close();
    const checks = ['state.db', 'journal.db'].map((file) => {
      const database = new DatabaseSync(path(file), { readOnly: true });
      const { integrity_check: check } = database.prepare('PRAGMA integrity_check').get() as {
        readonly integrity_check: string;
      };
      database.close();
      return check;
    });
    const torn = listed.filter((id) => !kept.includes(id)).length;
    const lost = kept.filter((id) => !listed.includes(id)).length;
    const notes = new Set(noted).size;
    noteFigures(context, 'I6', {
      what: 'SQLite',
      spawns: tally(during.spawns),
      ticks: tally(during.ticks),
      lost,
      torn,
      noted: notes,
      repeated: noted.length - notes,
      unfinished,
      integrity: [...new Set(checks)].join(' '),
    });
    expect(new Set([...before.spawns, ...before.ticks, ...after.spawns, ...after.ticks])).toEqual(
      new Set(['ok']),
    );
    // It was full, it said so, and it could still be read.
    expect(during.spawns).toContain('unavailable');
    expect(during.ticks).toContain('unavailable');
    for (const code of [...during.spawns, ...during.ticks])
      expect(['ok', 'unavailable', 'outcome-unknown', 'timeout']).toContain(code);
    expect(onFullDisk).toBe('ok');
    expect([lost, torn, unfinished, new Set(checks)]).toEqual([0, 0, 0, new Set(['ok'])]);
    expect(notes).toBe(70);
  });

  test.skipIf(!hasRedis())('I6: under the AOF of Redis', { timeout: TEST_MS }, async (context) => {
    const small = disk(24);
    const redis = await onDisk(small, () =>
      startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] }),
    );
    onTestFinished(() => redis.close());
    const bus = makeRedisBus({
      url: redis.url,
      sendTimeoutMs: 1_000,
      retryDelayMs: 50,
      pollMs: 200,
    });
    const seen: string[] = [];
    bus.subscribe(({ id }) => void seen.push(id), { group: 'readers' });
    await bus.ready();
    const accepted: string[] = [];
    const send = async (count: number): Promise<readonly string[]> => {
      const codes: string[] = [];
      for (let n = 0; n < count; n += 1) {
        const id = `m${accepted.length}-${n}-${codes.length}`;
        const content = 'x'.repeat(20_000);
        const code = await codeOf(bus.send({ id, from: 'user', to: 'ada', content }));
        if (code === 'ok') accepted.push(id);
        codes.push(code);
      }
      return codes;
    };
    const before = await send(20);
    small.fill(100 * 1_024);
    const during: string[] = [];
    await until('a refusal', async () => {
      during.push(...(await send(5)));
      return during.some((code) => code !== 'ok') || during.length > 2_000;
    });
    during.push(...(await send(20)));
    small.free();
    const from = performance.now();
    await until('Redis to take messages again', async () => (await send(1))[0] === 'ok');
    const resumeMs = Math.round(performance.now() - from);
    const after = await send(20);
    await until('all that was accepted', () => accepted.every((id) => seen.includes(id)));
    const dead = (await bus.deadLetters.list()).length;
    await bus.close();
    noteFigures(context, 'I6', {
      what: 'Redis AOF',
      during: tally(during),
      accepted: accepted.length,
      lost: accepted.filter((id) => !seen.includes(id)).length,
      resumeMs,
      dead,
    });
    expect([tally(before), tally(after)]).toEqual(['ok 20', 'ok 20']);
    for (const code of during) expect(['ok', 'unavailable', 'send-unknown']).toContain(code);
    expect(during.some((code) => code !== 'ok')).toBe(true);
    expect(dead).toBe(0);
  });

  test.skipIf(!hasPostgres())('I6: under PostgreSQL', { timeout: TEST_MS }, async (context) => {
    const small = disk(160);
    const postgres = await onDisk(small, () => startPostgres({ settings: { fsync: 'off' } }));
    onTestFinished(() => postgres.close());
    const state = makePostgresState({ url: postgres.url, scripts: [script] });
    onTestFinished(() => state.close());
    await state.ready();
    const kept: string[] = [];
    let spawned = 0;
    // Random text, which PostgreSQL cannot make smaller.
    const text = (): string =>
      Array.from({ length: 2_000 }, () => Math.random().toString(36).slice(2)).join('');
    const write = async (count: number): Promise<readonly string[]> => {
      const codes: string[] = [];
      for (let n = 0; n < count; n += 1) {
        const id = `b${(spawned += 1)}`;
        const code = await codeOf(state.spawn(script, 'write', { id, metadata: { text: text() } }));
        if (code === 'ok') kept.push(id);
        codes.push(code);
      }
      return codes;
    };
    const before = await write(5);
    small.fill(256 * 1_024);
    const during: string[] = [];
    await until('a refusal', async () => {
      during.push(...(await write(5)));
      return during.some((code) => code !== 'ok') || during.length > 1_000;
    });
    during.push(...(await write(10)));
    const onFullDisk = await codeOf(state.list());
    small.free();
    const from = performance.now();
    let restarted = 0;
    const goesOn = async (): Promise<boolean> => (await write(1))[0] === 'ok';
    if (!(await goesOn())) {
      // Without room for its log PostgreSQL ends itself; whoever watches over it starts it again.
      await postgres.crash();
      await postgres.start();
      restarted = 1;
      await until('PostgreSQL to write again', goesOn);
    }
    const resumeMs = Math.round(performance.now() - from);
    const after = await write(10);
    const records = await state.list();
    const listed = new Set(records.map(({ id }) => id));
    const torn = records.filter(({ metadata }) => typeof metadata?.['text'] !== 'string').length;
    const lost = kept.filter((id) => !listed.has(id)).length;
    noteFigures(context, 'I6', {
      what: 'PostgreSQL',
      during: tally(during),
      read: onFullDisk,
      lost,
      torn,
      restarted,
      resumeMs,
    });
    expect([tally(before), tally(after)]).toEqual(['ok 5', 'ok 10']);
    for (const code of during) expect(['ok', 'unavailable', 'outcome-unknown']).toContain(code);
    expect(during.some((code) => code !== 'ok')).toBe(true);
    expect([lost, torn]).toEqual([0, 0]);
  });
});
