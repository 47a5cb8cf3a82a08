import assert from 'node:assert/strict';
import type { IJournalPort, JournalTick, JsonValue, RecordedStep } from '@promethean/pantheon-core';
import { attempt, rejectsWith, within } from './assertions.ts';
import { deepFreeze } from './freeze.ts';
import type { Case, Harness, Suite } from './suite.ts';

/** What the journal suite needs. Capabilities for `supports`: `shared`, `read`, `close`. */
export interface JournalHarness extends Harness {
  readonly journal: IJournalPort;
  /** Capability `shared`: one more port on the same store, as another process has it. The harness closes it. */
  readonly another?: () => IJournalPort | Promise<IJournalPort>;
}

const ODD_NAMES = [
  '__proto__',
  'constructor',
  'a:b',
  'A:B',
  'a b',
  'a b ',
  '*',
  '',
  'plan 0/0 #1',
  "o'brien",
  'ä',
];

const letter = (tickId: string, cause?: string, actorId = 'ada'): JournalTick => ({
  tickId,
  actorId,
  ...(cause === undefined ? undefined : { cause }),
});

const never = (): never => assert.fail('a step that was recorded must not run again');

const anotherOf = async ({ another }: JournalHarness): Promise<IJournalPort> => {
  if (another === undefined) throw new TypeError('the harness has no "another"');
  return another();
};

/** A gate that opens when it is told to. */
const gate = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

const cases: readonly Case<JournalHarness>[] = [
  {
    id: 'journal:1',
    title: 'open resolves to a new tick, and counts how often it was opened',
    run: async ({ journal }) => {
      const first = await journal.open(letter('t1'));
      assert.deepEqual([first.tickId, first.attempt, first.status], ['t1', 1, undefined]);
      const second = await journal.open(letter('t1'));
      assert.deepEqual([second.tickId, second.attempt, second.status], ['t1', 2, undefined]);
      await second.complete('partial');
      const third = await journal.open(letter('t1'));
      assert.deepEqual([third.tickId, third.attempt, third.status], ['t1', 3, 'partial']);
      assert.equal((await journal.open(letter('t2'))).attempt, 1, 'another tick is new');
    },
  },
  {
    id: 'journal:1b',
    title: 'the same cause of the same actor is the same tick, whatever its id',
    run: async ({ journal }) => {
      await journal.open(letter('t1', 'm1'));
      const again = await journal.open(letter('t2', 'm1'));
      assert.deepEqual([again.tickId, again.attempt], ['t1', 2]);
      const bob = await journal.open(letter('t3', 'm1', 'bob'));
      assert.deepEqual([bob.tickId, bob.attempt], ['t3', 1], 'another actor has a tick of its own');
      const other = await journal.open(letter('t4', 'm2'));
      assert.deepEqual([other.tickId, other.attempt], ['t4', 1]);
      await journal.open(letter('t5'));
      assert.equal((await journal.open(letter('t6'))).attempt, 1, 'ticks without a cause differ');
    },
  },
  {
    id: 'journal:1c',
    title: 'ticks that are opened at once are one where they are the same',
    run: async ({ journal }) => {
      const records = await Promise.all(
        Array.from({ length: 20 }, (_, n) => journal.open(letter(`t${n}`, `m${n % 2}`))),
      );
      assert.equal(new Set(records.map(({ tickId }) => tickId)).size, 2);
      const attempts = records.map(({ attempt: count }) => count).toSorted((a, b) => a - b);
      assert.deepEqual(
        attempts,
        Array.from({ length: 20 }, (_, n) => Math.floor(n / 2) + 1),
      );
    },
  },
  {
    id: 'journal:1d',
    title: 'ticks that two processes open at once are one where they are the same',
    requires: 'shared',
    run: async (harness) => {
      const ports = [harness.journal, await anotherOf(harness)];
      const records = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          (ports[n % 2] as IJournalPort).open(letter(`t${n}`, 'm1')),
        ),
      );
      assert.equal(new Set(records.map(({ tickId }) => tickId)).size, 1);
      const attempts = records.map(({ attempt: count }) => count).toSorted((a, b) => a - b);
      assert.deepEqual(
        attempts,
        Array.from({ length: 20 }, (_, n) => n + 1),
      );
    },
  },
  {
    id: 'journal:2',
    title: 'a tick id that belongs to another tick is refused',
    run: async ({ journal }) => {
      const first = await journal.open(letter('t1', 'm1'));
      await first.step('a', () => 1);
      for (const other of [letter('t1', 'm2'), letter('t1'), letter('t1', 'm1', 'bob')])
        await rejectsWith(journal.open(other), 'journal-conflict', 'opening another tick as t1');
      assert.equal((await journal.unfinished()).length, 1, 'nothing was opened');
      assert.equal((await journal.open(letter('t2', 'm2'))).attempt, 1, 'm2 is not taken');
    },
  },
  {
    id: 'journal:3',
    title: 'a step runs once, and is answered from the record afterwards',
    run: async ({ journal }) => {
      const first = await journal.open(letter('t1'));
      let runs = 0;
      const value = { plan: ['a', null, 1.5, { deep: true }], text: 'ä\u2028🙂' };
      const run = async (): Promise<typeof value> => {
        runs += 1;
        return value;
      };
      assert.deepEqual(await first.step('plan', run), value);
      assert.deepEqual(await first.step<JsonValue>('plan', never), value, 'in the same record');
      const second = await journal.open(letter('t1'));
      assert.deepEqual(await second.step<JsonValue>('plan', never), value, 'in the next record');
      assert.equal(runs, 1);
      assert.equal(await second.step('synchronous', () => 0), 0);
      assert.equal(await second.step('nothing', () => null), null);
      assert.equal(await second.step<JsonValue>('nothing', never), null, 'null is a value');
      const other = await journal.open(letter('t2'));
      assert.equal(await other.step('plan', () => 'mine'), 'mine', 'a step is of its tick');
    },
  },
  {
    id: 'journal:3b',
    title: 'a recorded value is a copy',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1'));
      const value = { list: [1] };
      await record.step('a', () => value);
      attempt(() => value.list.push(2));
      const read = await record.step<{ list: number[] }>('a', never);
      assert.deepEqual(read, { list: [1] });
      attempt(() => read.list.push(3));
      assert.deepEqual(await record.step<JsonValue>('a', never), { list: [1] });
    },
  },
  {
    id: 'journal:4',
    title: 'a run that fails records nothing',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1'));
      const reason = new Error('the till is closed');
      const failures = [
        (): never => {
          throw reason;
        },
        (): Promise<never> => Promise.reject(reason),
      ];
      for (const failing of failures) {
        await assert.rejects(record.step('a', failing), (error) => error === reason);
      }
      assert.equal(await record.step('a', () => 'at last'), 'at last');
      assert.equal(await record.step<JsonValue>('a', never), 'at last');
    },
  },
  {
    id: 'journal:4b',
    title: 'two steps of one name that are called at once fail together',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1'));
      const reason = new Error('the till is closed');
      const slow = gate();
      const run = async (): Promise<never> => {
        await slow.opened;
        throw reason;
      };
      const both = Promise.allSettled([record.step('a', run), record.step('a', run)]);
      slow.open();
      for (const outcome of await within(both, 'both steps'))
        assert.deepEqual(outcome, { status: 'rejected', reason });
      assert.equal(await record.step('a', () => 'at last'), 'at last');
    },
  },
  {
    id: 'journal:5',
    title: 'steps do not wait for each other, and two of one name are one',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1'));
      const slow = gate();
      let runs = 0;
      const run = async (): Promise<number> => {
        runs += 1;
        await slow.opened;
        return runs;
      };
      const both = [record.step('slow', run), record.step('slow', run)];
      assert.equal(
        await within(
          record.step('quick', () => 'done'),
          'a step beside it',
        ),
        'done',
      );
      slow.open();
      assert.deepEqual(await Promise.all(both), [1, 1]);
    },
  },
  {
    id: 'journal:5b',
    title: 'of two records of one tick, what was recorded first holds for both',
    run: async ({ journal }) => {
      const [first, second] = [await journal.open(letter('t1')), await journal.open(letter('t1'))];
      const slow = gate();
      const late = first.step('a', async () => {
        await slow.opened;
        return 'late';
      });
      assert.equal(await second.step('a', () => 'early'), 'early');
      slow.open();
      assert.equal(await late, 'early');
      assert.equal(await first.step<JsonValue>('a', never), 'early');
    },
  },
  {
    id: 'journal:6',
    title: 'complete may be called again, and what was recorded stays readable',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1', 'm1'));
      await record.step('a', () => 1);
      await record.complete('failed');
      await record.complete('failed');
      const again = await journal.open(letter('t2', 'm1'));
      assert.deepEqual([again.tickId, again.status], ['t1', 'failed']);
      assert.equal(await again.step<JsonValue>('a', never), 1);
      await again.complete('ok');
      assert.equal((await journal.open(letter('t1', 'm1'))).status, 'ok');
    },
  },
  {
    id: 'journal:6b',
    title: 'a completion can be taken back: the tick is unfinished again',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1', 'm1'));
      await record.step('a', () => 1);
      await record.complete('failed');
      const again = await journal.open(letter('t2', 'm1'));
      await again.complete(undefined);
      assert.deepEqual(
        (await journal.unfinished()).map(({ tickId }) => tickId),
        ['t1'],
      );
      assert.equal(await again.step('b', () => 2), 2);
      const third = await journal.open(letter('t1', 'm1'));
      assert.equal(third.status, undefined);
      assert.equal(await third.step<JsonValue>('a', never), 1);
      const read = await journal.read?.('t1');
      if (read !== undefined)
        assert.deepEqual([read.status, read.completedAt], [undefined, undefined]);
      await third.complete('ok');
      assert.deepEqual([...(await journal.unfinished())], []);
    },
  },
  {
    id: 'journal:7',
    title: 'unfinished lists what was opened and not completed, oldest first',
    run: async ({ journal }) => {
      assert.deepEqual([...(await journal.unfinished())], []);
      const input = { userMessage: 'hello', message: { id: 'm1', hops: 0, nested: [null] } };
      await journal.open({ ...letter('t3', 'm1'), input });
      await (await journal.open(letter('t1'))).complete('ok');
      await journal.open(letter('t2', undefined, 'bob'));
      await journal.open({ ...letter('t9', 'm1'), input: 'another input' });
      const [first, second, ...more] = await journal.unfinished();
      assert.ok(first !== undefined && second !== undefined && more.length === 0);
      assert.deepEqual(
        { ...first, openedAt: 0 },
        { tickId: 't3', actorId: 'ada', cause: 'm1', input, attempt: 2, openedAt: 0 },
      );
      assert.ok(Number.isFinite(first.openedAt) && first.openedAt <= second.openedAt);
      assert.deepEqual([second.tickId, second.actorId, second.cause], ['t2', 'bob', undefined]);
      assert.equal(second.input, undefined);
    },
  },
  {
    id: 'journal:7b',
    title: 'another process finds what was left, and goes on with it',
    requires: 'shared',
    run: async (harness) => {
      const { journal } = harness;
      const record = await journal.open({ ...letter('t1', 'm1'), input: { userMessage: 'go' } });
      await record.step('plan', () => ['a', 'b']);
      await record.step('a', () => 'done');
      const other = await anotherOf(harness);
      const [left] = await other.unfinished();
      assert.deepEqual([left?.tickId, left?.attempt], ['t1', 1]);
      const resumed = await other.open(letter('t2', 'm1'));
      assert.deepEqual([resumed.tickId, resumed.attempt], ['t1', 2]);
      assert.deepEqual(await resumed.step<JsonValue>('plan', never), ['a', 'b']);
      assert.equal(await resumed.step('b', () => 'done there'), 'done there');
      assert.equal(await record.step('b', () => 'done here'), 'done there', 'the first one holds');
      await resumed.complete('ok');
      assert.deepEqual([...(await journal.unfinished())], []);
    },
  },
  {
    id: 'journal:8',
    title: 'what is no JSON is refused with its path, and is not recorded',
    run: async ({ journal }) => {
      const record = await journal.open(letter('t1'));
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;
      const values = [undefined, Number.NaN, new Date(0), () => 1, { a: [1n] }, cyclic, 'a\u0000b'];
      for (const value of values) {
        const step = record.step('a', () => value as JsonValue);
        const error = await rejectsWith(step, 'journal-invalid', `a step with ${typeof value}`);
        if (typeof value === 'object' && 'a' in value) assert.match(error.message, /a\[0\]/);
        const tick = { ...letter('t2'), input: { value } as unknown as JsonValue };
        const { message } = await rejectsWith(
          journal.open(tick),
          'journal-invalid',
          `an input with ${typeof value}`,
        );
        assert.match(
          message,
          typeof value === 'object' && 'a' in value ? /value\.a\[0\]/ : /value/,
        );
      }
      assert.equal(await record.step('a', () => 'fine'), 'fine');
      assert.equal((await journal.unfinished()).length, 1, 'no tick was opened');
    },
  },
  {
    id: 'journal:9',
    title: 'odd ids, causes and names of steps are data',
    run: async ({ journal }) => {
      const odd = ODD_NAMES.filter((name) => name !== '');
      for (const name of odd) await journal.open(letter(`t ${name}`, name, name));
      for (const name of odd) await journal.open(letter(name, undefined, name));
      assert.deepEqual(
        (await journal.unfinished()).map(({ tickId, actorId, cause }) => [tickId, actorId, cause]),
        [
          ...odd.map((name) => [`t ${name}`, name, name]),
          ...odd.map((name) => [name, name, undefined]),
        ],
      );
      const record = await journal.open(letter('t a:b', 'a:b', 'a:b'));
      for (const name of ODD_NAMES) await record.step(name, () => name);
      const again = await journal.open(letter('t a:b', 'a:b', 'a:b'));
      for (const name of ODD_NAMES) assert.equal(await again.step<JsonValue>(name, never), name);
      const joined = await journal.open(letter('t j', 'b', 'a'));
      assert.equal(joined.attempt, 1, 'an actor and a cause do not run together');
    },
  },
  {
    id: 'journal:10',
    title: 'read tells a tick and its steps, and changes nothing',
    requires: 'read',
    run: async ({ journal }) => {
      assert.ok(journal.read, 'a port that claims "read" has it');
      assert.equal(await journal.read('t1'), undefined);
      const input = { userMessage: 'hello' };
      const record = await journal.open({ ...letter('t1', 'm1'), input });
      const names = ['b', 'a', ...Array.from({ length: 20 }, (_, n) => `${20 - n}`)];
      for (const name of names) await record.step(name, () => ({ name }));
      const tick = await journal.read('t1');
      assert.ok(tick, 'the tick is there');
      assert.deepEqual(
        [tick.tickId, tick.actorId, tick.cause, tick.input, tick.attempt, tick.status],
        ['t1', 'ada', 'm1', input, 1, undefined],
      );
      assert.equal(tick.completedAt, undefined);
      assert.deepEqual(
        tick.steps.map(({ name, value }) => [name, value]),
        names.map((name) => [name, { name }]),
        'the steps, in the order in which they were recorded',
      );
      const times = [tick.openedAt, ...tick.steps.map(({ recordedAt }) => recordedAt)];
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      await record.complete('partial');
      const done = await journal.read('t1');
      assert.deepEqual([done?.status, done?.steps.length], ['partial', names.length]);
      assert.ok((done?.completedAt ?? 0) >= (times.at(-1) as number));
      assert.equal((await journal.open(letter('t1', 'm1'))).attempt, 2, 'reading opens nothing');
    },
  },
  {
    id: 'journal:11',
    title: 'an opening that goes on with an attempt is not counted',
    run: async ({ journal }) => {
      const first = await journal.open(letter('t1'), { resume: true });
      assert.equal(first.attempt, 1, 'a new tick is opened for the first time');
      await first.step('a', () => 'done');
      const resumed = await journal.open(letter('t1'), { resume: true });
      assert.equal(resumed.attempt, 1);
      assert.equal(await resumed.step<JsonValue>('a', never), 'done');
      assert.equal((await journal.open(letter('t1'))).attempt, 2);
      assert.equal((await journal.open(letter('t1'), { resume: true })).attempt, 2);
      assert.equal((await journal.unfinished())[0]?.attempt, 2);
    },
  },
  {
    id: 'port:1',
    title: 'what is handed in is not changed',
    run: async ({ journal }) => {
      const input = { nested: { list: [1] } };
      const tick = deepFreeze({ ...letter('t1', 'm1'), input });
      const record = await journal.open(tick);
      const value = deepFreeze({ nested: { list: [1] } });
      assert.deepEqual(await record.step<JsonValue>('a', () => value), { nested: { list: [1] } });
      const [left] = await journal.unfinished();
      attempt(() => Object.assign(left?.input ?? {}, { nested: 'changed' }));
      assert.deepEqual((await journal.unfinished())[0]?.input, input);
    },
  },
  {
    id: 'port:1b',
    title: 'what read hands out can be changed without effect',
    requires: 'read',
    run: async ({ journal }) => {
      assert.ok(journal.read, 'a port that claims "read" has it');
      const record = await journal.open({ ...letter('t1', 'm1'), input: { list: [1] } });
      await record.step('a', () => ({ list: [1] }));
      const handedOut = await journal.read('t1');
      assert.ok(handedOut, 'the tick is there');
      const before = structuredClone(handedOut);
      attempt(() => Object.assign(handedOut, { status: 'ok', attempt: 9 }));
      attempt(() => (handedOut.input as { list: number[] }).list.push(2));
      attempt(() =>
        ((handedOut.steps[0] as RecordedStep).value as { list: number[] }).list.push(2),
      );
      attempt(() => (handedOut.steps as unknown[]).pop());
      const again = structuredClone(await journal.read('t1'));
      assert.deepEqual(
        [again?.status, again?.input, again?.steps],
        [before.status, before.input, before.steps],
      );
    },
  },
  {
    id: 'port:2',
    title: 'close is idempotent and refuses what comes after it',
    requires: 'close',
    run: async ({ journal }) => {
      assert.ok(journal.close, 'a port that claims "close" has it');
      const record = await journal.open(letter('t1'));
      // It may be refused while the port closes.
      const step = record.step('a', () => 1).catch(() => undefined);
      await within(journal.close(), 'close');
      await within(journal.close(), 'a second close');
      await step;
      await rejectsWith(journal.open(letter('t2')), 'closed', 'open after close');
      await rejectsWith(journal.unfinished(), 'closed', 'unfinished after close');
      if (journal.read !== undefined)
        await rejectsWith(journal.read('t1'), 'closed', 'read after close');
      await rejectsWith(
        record.step('b', () => 1),
        'closed',
        'a step after close',
      );
      await rejectsWith(record.complete('ok'), 'closed', 'complete after close');
    },
  },
];

const isolation = async (first: JournalHarness, second: JournalHarness): Promise<void> => {
  await (await first.journal.open(letter('t1', 'm1'))).step('a', () => 'of the first');
  assert.deepEqual([...(await second.journal.unfinished())], [], 'the second has no tick');
  const record = await second.journal.open(letter('t1', 'm1'));
  assert.equal(record.attempt, 1);
  assert.equal(await record.step('a', () => 'of the second'), 'of the second');
};

/** The contract of `IJournalPort`. */
export const journalSuite: Suite<JournalHarness> = { port: 'journal', cases, isolation };
