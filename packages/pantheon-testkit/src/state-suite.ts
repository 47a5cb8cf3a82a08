import assert from 'node:assert/strict';
import type {
  ActorPatch,
  ActorRecord,
  ActorScript,
  IActorStatePort,
} from '@promethean/pantheon-core';
import { attempt, rejectsWith, within } from './assertions.ts';
import { deepFreeze } from './freeze.ts';
import type { Case, Harness, Suite } from './suite.ts';

const [clerk, courier] = [
  { name: 'clerk', version: '1', contextSources: [], talents: [] },
  { name: 'courier', version: '1', contextSources: [], talents: [] },
] as const satisfies readonly ActorScript[];

/** The scripts that the state suite spawns. A durable adapter is given them to revive. */
export const stateScripts: readonly ActorScript[] = [clerk, courier];

/** What the state suite needs. Capabilities for `supports`: `remove`, `shared` (there is `another`), `close`. */
export interface StateHarness extends Harness {
  readonly state: IActorStatePort;
  /** Lets that much time pass on the clock that the port's `createdAt` and `updatedAt` come from. */
  readonly advance: (ms: number) => Promise<void>;
  /** With `shared`: one more port on the same store, as another process has it. The harness closes it. */
  readonly another?: () => IActorStatePort;
}

const ODD_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '*',
  'a:b',
  'a b',
  'a b ',
  'A B',
  "o'brien",
  '%',
  'ä',
  '日本',
];

/** A record without what a port may choose: the prototype of its parts, and how it refers to the script. */
const plain = (record: ActorRecord | undefined): unknown =>
  record === undefined
    ? undefined
    : { ...structuredClone({ ...record, script: undefined }), script: record.script.name };

const read = async (state: IActorStatePort, id: string): Promise<ActorRecord> => {
  const record = await state.get(id);
  assert.ok(record, `the actor "${id}" must be there`);
  return record;
};

/** The ports of two processes on one store. */
const bothOf = ({ state, another }: StateHarness): readonly [IActorStatePort, IActorStatePort] => {
  assert.ok(another, 'the harness must have "another"');
  return [state, another()];
};

const idsOf = (records: readonly ActorRecord[]): readonly string[] => records.map(({ id }) => id);

/** The keys and values of metadata, `__proto__` included. */
const entriesOf = (record: ActorRecord): ReadonlyMap<string, unknown> =>
  new Map(Object.entries(record.metadata ?? {}));

const cases: readonly Case<StateHarness>[] = [
  {
    id: 'state:1',
    title: 'spawn resolves to an idle actor of version 1 with its script, its goal and its times',
    run: async ({ state }) => {
      const actor = await state.spawn(clerk, 'file the letters');
      assert.ok(typeof actor.id === 'string' && actor.id !== '');
      assert.deepEqual([...actor.goals], ['file the letters']);
      assert.deepEqual([actor.script.name, actor.state, actor.version], ['clerk', 'idle', 1]);
      assert.ok(Number.isFinite(actor.createdAt));
      assert.equal(actor.updatedAt, actor.createdAt);
      assert.equal(actor.parentId, undefined);
    },
  },
  {
    id: 'state:1b',
    title: 'every actor gets an id of its own',
    run: async ({ state }) => {
      const actors = await Promise.all(
        Array.from({ length: 50 }, () => state.spawn(clerk, 'wait')),
      );
      assert.equal(new Set(idsOf(actors)).size, 50);
    },
  },
  {
    id: 'state:1c',
    title: 'a wanted id, a parent and metadata are recorded',
    run: async ({ state }) => {
      const metadata = { team: 'harbour', nested: { list: [1, null, 'x', false] } };
      const actor = await state.spawn(clerk, 'wait', { id: 'ada', parentId: 'root', metadata });
      assert.deepEqual([actor.id, actor.parentId], ['ada', 'root']);
      assert.deepEqual(structuredClone({ ...actor.metadata }), metadata);
      assert.deepEqual(plain(await state.get('ada')), plain(actor));
    },
  },
  {
    id: 'state:2',
    title: 'get resolves to the actor or to undefined, list to all in the order of their creation',
    run: async ({ state }) => {
      assert.equal(await state.get('nobody'), undefined);
      assert.deepEqual([...(await state.list())], []);
      for (const id of ['zoe', 'ada', 'mia', 'bob'])
        await state.spawn(clerk, `goal of ${id}`, { id });
      await state.update('zoe', { goals: ['another goal'] });
      assert.deepEqual(idsOf(await state.list()), ['zoe', 'ada', 'mia', 'bob']);
      assert.deepEqual([...(await read(state, 'mia')).goals], ['goal of mia']);
      assert.equal(await state.get('MIA'), undefined);
    },
  },
  {
    id: 'state:2b',
    title: 'list filters by parent, state and script, and by all at once',
    run: async ({ state }) => {
      await state.spawn(clerk, 'wait', { id: 'root' });
      await state.spawn(clerk, 'wait', { id: 'a', parentId: 'root' });
      await state.spawn(courier, 'wait', { id: 'b', parentId: 'root' });
      await state.spawn(courier, 'wait', { id: 'c', parentId: 'a' });
      await state.update('b', { state: 'paused' });
      await state.update('c', { state: 'paused' });
      assert.deepEqual(idsOf(await state.list({})), ['root', 'a', 'b', 'c']);
      assert.deepEqual(idsOf(await state.list({ parentId: 'root' })), ['a', 'b']);
      assert.deepEqual(idsOf(await state.list({ state: 'paused' })), ['b', 'c']);
      assert.deepEqual(idsOf(await state.list({ script: 'courier' })), ['b', 'c']);
      assert.deepEqual(
        idsOf(await state.list({ parentId: 'root', state: 'paused', script: 'courier' })),
        ['b'],
      );
      assert.deepEqual(idsOf(await state.list({ parentId: 'nobody' })), []);
      assert.deepEqual(idsOf(await state.list({ parentId: undefined })), ['root', 'a', 'b', 'c']);
    },
  },
  {
    id: 'state:3',
    title: 'update applies the patch, counts the version, sets updatedAt and leaves the rest',
    run: async ({ state, advance }) => {
      const before = await state.spawn(clerk, 'wait', {
        id: 'ada',
        parentId: 'root',
        metadata: { a: 1 },
      });
      await advance(10);
      const after = await state.update('ada', { goals: ['read', 'write'], state: 'paused' });
      assert.deepEqual(plain(after), {
        ...(plain(before) as object),
        goals: ['read', 'write'],
        state: 'paused',
        version: 2,
        updatedAt: after.updatedAt,
      });
      assert.ok(after.updatedAt > before.updatedAt, 'updatedAt moves on');
      assert.deepEqual(plain(await state.get('ada')), plain(after), 'it is the stored record');
      assert.equal((await state.update('ada', {})).version, 3, 'an empty patch counts as well');
      assert.deepEqual([...(await read(state, 'ada')).goals], ['read', 'write']);
      assert.deepEqual(
        [...(await state.update('ada', { goals: [] })).goals],
        [],
        'no goal is left',
      );
    },
  },
  {
    id: 'state:3b',
    title: 'metadata are merged key by key, and undefined removes a key',
    run: async ({ state }) => {
      await state.spawn(clerk, 'wait', {
        id: 'ada',
        metadata: { keep: 1, drop: 2, nested: { x: 1, y: 2 } },
      });
      const after = await state.update('ada', {
        metadata: { drop: undefined, nested: { x: 3 }, fresh: null },
      });
      assert.deepEqual(structuredClone({ ...after.metadata }), {
        keep: 1,
        nested: { x: 3 },
        fresh: null,
      });
      assert.deepEqual(entriesOf(await read(state, 'ada')), entriesOf(after));
      await state.spawn(clerk, 'wait', { id: 'bob' });
      assert.deepEqual(
        { ...(await state.update('bob', { metadata: { first: true } })).metadata },
        { first: true },
      );
    },
  },
  {
    id: 'state:3c',
    title: 'an update of an unknown actor rejects',
    run: async ({ state }) => {
      for (const id of ['nobody', 'constructor']) {
        await rejectsWith(
          state.update(id, { state: 'paused' }),
          'actor-unknown',
          `update('${id}')`,
        );
        assert.equal(await state.get(id), undefined);
      }
    },
  },
  {
    id: 'state:4',
    title: 'an update of another version than expected rejects and changes nothing',
    run: async ({ state }) => {
      await state.spawn(clerk, 'wait', { id: 'ada' });
      const current = await state.update('ada', { metadata: { a: 1 } }, { expectedVersion: 1 });
      assert.equal(current.version, 2);
      for (const expectedVersion of [1, 3, 0]) {
        await rejectsWith(
          state.update(
            'ada',
            { state: 'failed', goals: ['x'], metadata: { a: 2 } },
            { expectedVersion },
          ),
          'state-conflict',
          `version ${expectedVersion}`,
        );
      }
      assert.deepEqual(plain(await state.get('ada')), plain(current));
    },
  },
  {
    id: 'state:4b',
    title: 'of two updates that expect the same version one is applied',
    run: async ({ state }) => {
      await state.spawn(clerk, 'wait', { id: 'ada' });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          state.update('ada', { metadata: { winner: n } }, { expectedVersion: 1 }),
        ),
      );
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal((await read(state, 'ada')).version, 2);
    },
  },
  {
    id: 'state:4c',
    title: 'of two processes whose updates expect the same version one succeeds',
    requires: 'shared',
    run: async (harness) => {
      const both = bothOf(harness);
      await both[0].spawn(clerk, 'wait', { id: 'ada' });
      for (let expectedVersion = 1; expectedVersion <= 5; expectedVersion += 1) {
        const outcomes = await Promise.allSettled(
          both.map((state, n) =>
            state.update('ada', { metadata: { winner: n } }, { expectedVersion }),
          ),
        );
        const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
        const loser = outcomes[1 - winner];
        assert.ok(loser?.status === 'rejected', `one of version ${expectedVersion} must win`);
        await rejectsWith(Promise.reject(loser.reason), 'state-conflict', 'the other');
        for (const state of both) {
          const { version, metadata } = await read(state, 'ada');
          assert.deepEqual([version, metadata?.['winner']], [expectedVersion + 1, winner]);
        }
      }
    },
  },
  {
    id: 'state:5',
    title: 'concurrent updates are all applied',
    run: async ({ state }) => {
      await state.spawn(clerk, 'wait', { id: 'ada' });
      const updates = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          state.update('ada', { metadata: { [`key-${n}`]: n } }),
        ),
      );
      const after = await read(state, 'ada');
      assert.equal(after.version, 51);
      assert.equal(Object.keys(after.metadata ?? {}).length, 50, 'none is lost');
      assert.equal(
        new Set(updates.map(({ version }) => version)).size,
        50,
        'each has a version of its own',
      );
    },
  },
  {
    id: 'state:5b',
    title: 'concurrent updates of two processes are all applied, and both see them',
    requires: 'shared',
    run: async (harness) => {
      const both = bothOf(harness);
      await both[0].spawn(clerk, 'wait', { id: 'ada' });
      await Promise.all(
        both.flatMap((state, process) =>
          Array.from({ length: 10 }, (_, n) =>
            state.update('ada', { metadata: { [`key-${process}-${n}`]: n } }),
          ),
        ),
      );
      for (const state of both) {
        const { version, metadata } = await read(state, 'ada');
        assert.equal(version, 21);
        assert.equal(Object.keys(metadata ?? {}).length, 20, 'none is lost');
      }
    },
  },
  {
    id: 'state:6',
    title: 'what the port hands out can be changed without effect',
    run: async ({ state }) => {
      const spawned = await state.spawn(clerk, 'wait', {
        id: 'ada',
        metadata: { nested: { list: [1] } },
      });
      const before = plain(spawned);
      const updated = await state.update('ada', {}).then(() => read(state, 'ada'));
      const handedOut = [spawned, updated, await read(state, 'ada'), ...(await state.list())];
      const expected = plain(updated);
      assert.notDeepEqual(before, undefined);
      for (const record of handedOut) {
        attempt(() => Object.assign(record, { version: 99, state: 'failed', id: 'other' }));
        attempt(() => (record.goals as string[]).push('changed'));
        attempt(() => Object.assign(record.metadata ?? {}, { changed: true }));
        attempt(() =>
          (record.metadata as unknown as { nested: { list: number[] } }).nested.list.push(2),
        );
      }
      assert.deepEqual(plain(await state.get('ada')), expected);
      assert.equal((await state.list()).length, 1);
    },
  },
  {
    id: 'state:6b',
    title: 'what the port was handed can be changed afterwards without effect',
    run: async ({ state }) => {
      const metadata = { nested: { list: [1] } };
      await state.spawn(clerk, 'wait', { id: 'ada', metadata });
      metadata.nested.list.push(2);
      const patch = { goals: ['read'], metadata: { other: { list: [1] } } };
      const after = plain(await state.update('ada', patch));
      patch.goals.push('changed');
      patch.metadata.other.list.push(2);
      assert.deepEqual(plain(await state.get('ada')), after);
      assert.deepEqual(structuredClone({ ...(await read(state, 'ada')).metadata }), {
        nested: { list: [1] },
        other: { list: [1] },
      });
    },
  },
  {
    id: 'state:7',
    title: 'odd ids are ids like any other',
    run: async ({ state }) => {
      for (const id of ODD_NAMES) {
        assert.equal(await state.get(id), undefined, `there is no actor "${id}" yet`);
        await state.spawn(clerk, `goal of ${id}`, { id, parentId: id });
      }
      assert.deepEqual(idsOf(await state.list()), ODD_NAMES);
      for (const id of ODD_NAMES) {
        await state.update(id, { metadata: { of: id } });
        const record = await read(state, id);
        assert.deepEqual(
          [record.id, ...record.goals, record.metadata?.['of']],
          [id, `goal of ${id}`, id],
        );
        assert.deepEqual(idsOf(await state.list({ parentId: id })), [id]);
      }
    },
  },
  {
    id: 'state:7b',
    title: 'odd keys of metadata are keys like any other',
    run: async ({ state }) => {
      const metadata = JSON.parse(
        JSON.stringify(Object.fromEntries(ODD_NAMES.map((name) => [name, name]))),
      ) as Record<string, string>;
      assert.equal(Object.keys(metadata).length, ODD_NAMES.length);
      await state.spawn(clerk, 'wait', { id: 'ada', metadata });
      const expected = new Map(ODD_NAMES.map((name) => [name, name]));
      assert.deepEqual(entriesOf(await read(state, 'ada')), expected);
      await state.update('ada', { metadata: { '*': 'star' } });
      assert.equal((await read(state, 'ada')).metadata?.['*'], 'star');
    },
  },
  {
    id: 'state:7c',
    title: 'a patch with a key that could reach a prototype rejects and changes nothing',
    run: async ({ state }) => {
      const before = plain(await state.spawn(clerk, 'wait', { id: 'ada', metadata: { a: 1 } }));
      for (const key of ['__proto__', 'constructor', 'prototype']) {
        const metadata = JSON.parse(`{"b":2,"${key}":{"polluted":true}}`) as NonNullable<
          ActorPatch['metadata']
        >;
        await rejectsWith(
          state.update('ada', { metadata }),
          'action-invalid',
          `the metadata key ${key}`,
        );
      }
      assert.deepEqual(plain(await state.get('ada')), before);
      assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    },
  },
  {
    id: 'state:8',
    title: 'spawning an id that exists resolves to the actor that exists, unchanged',
    run: async ({ state }) => {
      await state.spawn(clerk, 'wait', { id: 'ada', metadata: { a: 1 } });
      const existing = await state.update('ada', { state: 'paused' });
      const again = await state.spawn(courier, 'another goal', {
        id: 'ada',
        parentId: 'root',
        metadata: { b: 2 },
      });
      assert.deepEqual(plain(again), plain(existing));
      assert.deepEqual(plain(await state.get('ada')), plain(existing));
      const racing = await Promise.all(
        Array.from({ length: 10 }, (_, n) => state.spawn(clerk, `goal ${n}`, { id: 'bob' })),
      );
      assert.equal(
        new Set(racing.map(({ goals }) => goals.join())).size,
        1,
        'all get the same actor',
      );
      assert.equal((await state.list()).length, 2);
    },
  },
  {
    id: 'state:8b',
    title: 'of two processes that spawn the same id at once both get the same actor',
    requires: 'shared',
    run: async (harness) => {
      const both = bothOf(harness);
      for (const id of ['ada', 'bob', 'eve']) {
        const spawned = await Promise.all(
          both.flatMap((state, process) =>
            Array.from({ length: 5 }, (_, n) => state.spawn(clerk, `goal ${process}-${n}`, { id })),
          ),
        );
        for (const state of both) spawned.push(await read(state, id));
        for (const actor of spawned) assert.deepEqual(plain(actor), plain(spawned[0]));
      }
      for (const state of both) assert.equal((await state.list()).length, 3);
    },
  },
  {
    id: 'state:9',
    title: 'remove tells whether there was such an actor, which is then gone',
    requires: 'remove',
    run: async ({ state }) => {
      assert.ok(state.remove, 'a port that claims "remove" has it');
      for (const id of ['a', 'b', 'c'])
        await state.spawn(clerk, 'wait', { id, parentId: 'root', metadata: { old: true } });
      assert.equal(await state.remove('b'), true);
      assert.equal(await state.remove('b'), false);
      assert.equal(await state.remove('nobody'), false);
      assert.equal(await state.get('b'), undefined);
      assert.deepEqual(idsOf(await state.list()), ['a', 'c']);
      assert.deepEqual(idsOf(await state.list({ parentId: 'root' })), ['a', 'c']);
      await rejectsWith(state.update('b', {}), 'actor-unknown', 'an update of a removed actor');
      const anew = await state.spawn(courier, 'start anew', { id: 'b' });
      assert.deepEqual(
        [anew.script.name, ...anew.goals, anew.version, anew.parentId, anew.metadata?.['old']],
        ['courier', 'start anew', 1, undefined, undefined],
        'the id is as if it had never been used',
      );
      assert.deepEqual(idsOf(await state.list()), ['a', 'c', 'b'], 'by the latest creation');
    },
  },
  {
    id: 'port:1',
    title: 'what is handed in is not changed',
    run: async ({ state }) => {
      const options = deepFreeze({ id: 'ada', metadata: { nested: { a: 1 } } });
      await state.spawn(deepFreeze({ ...clerk }), 'wait', options);
      await state.update('ada', deepFreeze({ goals: ['x'], metadata: { nested: { b: 2 } } }));
      assert.deepEqual([...(await read(state, 'ada')).goals], ['x']);
    },
  },
  {
    id: 'port:2',
    title: 'close is idempotent and refuses what comes after it',
    requires: 'close',
    run: async ({ state }) => {
      assert.ok(state.close, 'a port that claims "close" has it');
      await state.spawn(clerk, 'wait', { id: 'ada' });
      await within(state.close(), 'close');
      await within(state.close(), 'a second close');
      await rejectsWith(state.spawn(clerk, 'wait'), 'closed', 'spawn after close');
      await rejectsWith(state.get('ada'), 'closed', 'get after close');
      await rejectsWith(state.list(), 'closed', 'list after close');
      await rejectsWith(state.update('ada', {}), 'closed', 'update after close');
      if (state.remove !== undefined)
        await rejectsWith(state.remove('ada'), 'closed', 'remove after close');
    },
  },
];

const isolation = async (first: StateHarness, second: StateHarness): Promise<void> => {
  await first.state.spawn(clerk, 'of the first', { id: 'ada' });
  assert.equal(await second.state.get('ada'), undefined, 'the second has no actor of the first');
  await second.state.spawn(clerk, 'of the second', { id: 'ada' });
  await second.state.spawn(clerk, 'of the second', { id: 'bob' });
  assert.deepEqual([...(await read(first.state, 'ada')).goals], ['of the first']);
  assert.deepEqual(idsOf(await first.state.list()), ['ada'], 'the first lists its own');
};

/** The contract of `IActorStatePort`. */
export const stateSuite: Suite<StateHarness> = { port: 'state', cases, isolation };
