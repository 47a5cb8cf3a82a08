import type { IActorStatePort } from '@promethean/pantheon-core';
import { describeBroken, describeProved, insteadOf, type Wrap } from '../test/broken-ports.ts';
import { makeMemoryStateHarness } from './memory-harnesses.ts';
import { stateSuite } from './index.ts';

const updateOf =
  (
    update: (
      state: IActorStatePort,
      ...args: Parameters<IActorStatePort['update']>
    ) => ReturnType<IActorStatePort['update']>,
  ): Wrap<IActorStatePort> =>
  (state) => ({ ...state, update: (...args) => update(state, ...args) });

describeBroken<ReturnType<typeof makeMemoryStateHarness>, IActorStatePort>(
  'a state port',
  stateSuite,
  makeMemoryStateHarness,
  [
    ['keeps every rule', [], (state) => state],

    [
      'drops the last goal never',
      ['state:3'],
      updateOf((state, id, { goals, ...patch }, options) =>
        state.update(
          id,
          goals === undefined || goals.length === 0 ? patch : { ...patch, goals },
          options,
        ),
      ),
    ],
    [
      'trims ids',
      ['state:7'],
      (state) => ({
        ...state,
        get: (id) => state.get(id.trim()),
        spawn: (script, goal, options = {}) =>
          state.spawn(
            script,
            goal,
            options.id === undefined ? options : { ...options, id: options.id.trim() },
          ),
      }),
    ],
    [
      'revives what was removed',
      ['state:9'],
      (state) => {
        const removed = new Map<string, string>();
        return {
          ...state,
          remove: async (id) => {
            const parentId = (await state.get(id))?.parentId;
            if (parentId !== undefined) removed.set(id, parentId);
            return (await state.remove?.(id)) ?? false;
          },
          spawn: (script, goal, options = {}) => {
            const parentId = removed.get(options.id ?? '');
            return state.spawn(
              script,
              goal,
              parentId === undefined ? options : { ...options, parentId },
            );
          },
        };
      },
    ],
    [
      'removes after close',
      ['port:2'],
      (state) => ({
        ...state,
        remove: (id) =>
          insteadOf(state.remove?.(id) ?? Promise.resolve(false), 'closed', () => false),
      }),
    ],
    [
      'gives actors the same id',
      ['state:1'],
      (state) => ({
        ...state,
        spawn: (script, goal, options) => state.spawn(script, goal, { id: 'actor', ...options }),
      }),
    ],
    [
      'knows the versions only that it wrote itself',
      ['state:4'],
      (state, timers) => {
        const versions = new Map<string, number>();
        return updateOf(async (port, id, patch, { expectedVersion } = {}) => {
          if (expectedVersion === undefined || (versions.get(id) ?? 1) !== expectedVersion)
            return port.update(id, patch, { expectedVersion });
          versions.set(id, expectedVersion + 1);
          return port.update(id, patch);
        })(state, timers);
      },
    ],
    [
      'writes over what another process wrote since it read',
      ['state:5'],
      (state, timers) => {
        let turn: Promise<unknown> = Promise.resolve();
        return updateOf((port, id, patch, options) => {
          const mine = turn.then(async () => {
            const before = (await port.get(id))?.metadata ?? {};
            await new Promise((resolve) => setImmediate(resolve));
            const now = (await port.get(id))?.metadata ?? {};
            const gone = Object.keys(now).filter((key) => !Object.hasOwn(before, key));
            const without = Object.fromEntries(gone.map((key) => [key, undefined]));
            return gone.length === 0
              ? port.update(id, patch, options)
              : port.update(id, { ...patch, metadata: { ...without, ...patch.metadata } }, options);
          });
          turn = mine.catch(() => undefined);
          return mine;
        })(state, timers);
      },
    ],
    [
      'ignores a filter',
      ['state:2'],
      (state) => ({
        ...state,
        list: (filter) =>
          state.list(filter === undefined ? filter : { ...filter, script: undefined }),
      }),
    ],
    [
      'lists by name what it filters',
      ['state:2'],
      (state) => ({
        ...state,
        list: async (filter) => {
          const records = await state.list(filter);
          return filter === undefined
            ? records
            : records.toSorted((a, b) => (a.id < b.id ? -1 : 1));
        },
      }),
    ],
    [
      'merges metadata in depth',
      ['state:3'],
      updateOf(async (state, id, patch, options) => {
        const before = (await state.get(id))?.metadata?.['nested'];
        const nested = patch.metadata?.['nested'];
        return before === undefined || nested === undefined
          ? state.update(id, patch, options)
          : state.update(
              id,
              {
                ...patch,
                metadata: {
                  ...patch.metadata,
                  nested: { ...(before as object), ...(nested as object) },
                },
              },
              options,
            );
      }),
    ],
    [
      'ignores the expected version',
      ['state:4'],
      updateOf((state, id, patch) => state.update(id, patch)),
    ],
    [
      'loses an update under two writers',
      ['state:5'],
      (state) => {
        let writers = 0;
        return {
          ...state,
          update: async (id, patch, options) => {
            writers += 1;
            try {
              const isLost = writers > 1 && options === undefined;
              const current = await state.get(id);
              return isLost && current !== undefined
                ? current
                : await state.update(id, patch, options);
            } finally {
              writers -= 1;
            }
          },
        };
      },
    ],
    [
      'hands out its own object',
      ['state:6'],
      (state) => {
        const own = new Map<string, Awaited<ReturnType<IActorStatePort['get']>>>();
        return {
          ...state,
          get: async (id) => {
            if (!own.has(id)) own.set(id, await state.get(id));
            return own.get(id);
          },
          spawn: (...args) => {
            own.clear();
            return state.spawn(...args);
          },
          update: (...args) => {
            own.clear();
            return state.update(...args);
          },
          remove: async (id) => {
            own.clear();
            return (await state.remove?.(id)) ?? false;
          },
        };
      },
    ],
    [
      'keeps the object that it was handed',
      ['state:6'],
      (state) => {
        const handed = new Map<string, readonly string[]>();
        return {
          ...state,
          get: async (id) => {
            const record = await state.get(id);
            const goals = handed.get(id);
            return record === undefined || goals === undefined ? record : { ...record, goals };
          },
          update: async (id, patch, options) => {
            const record = await state.update(id, patch, options);
            if (patch.goals !== undefined) handed.set(id, patch.goals);
            return record;
          },
        };
      },
    ],
    [
      'merges __proto__',
      ['state:7'],
      updateOf((state, id, patch, options) => {
        // An assignment to __proto__ sets the prototype of the copy, and the key is gone.
        const metadata = Object.assign({}, patch.metadata);
        return state.update(
          id,
          patch.metadata === undefined ? patch : { ...patch, metadata },
          options,
        );
      }),
    ],
    [
      'drops dangerous keys in silence',
      ['state:7'],
      updateOf((state, id, patch, options) => {
        const { constructor: _, prototype: __, ...metadata } = { ...patch.metadata };
        return state.update(
          id,
          { ...patch, ...(patch.metadata !== undefined && { metadata: { ...metadata } }) },
          options,
        );
      }),
    ],
    [
      'looks ids up in an object',
      ['state:7'],
      (state) => ({
        ...state,
        get: async (id) =>
          (await state.get(id)) ?? ((id === 'toString' ? {}[id] : undefined) as never),
      }),
    ],
    [
      'replaces an actor that exists',
      ['state:8'],
      (state) => ({
        ...state,
        spawn: async (script, goal, options) => {
          if (options?.id !== undefined) await state.remove?.(options.id);
          return state.spawn(script, goal, options);
        },
      }),
    ],
    [
      'does not remove',
      ['state:9'],
      (state) => ({ ...state, remove: async (id) => (await state.get(id)) !== undefined }),
    ],
    [
      'writes into what it was handed',
      ['port:1'],
      (state) => ({
        ...state,
        spawn: (script, goal, options) => {
          if (options?.metadata !== undefined && Object.isFrozen(options))
            Object.assign(options, { parentId: 'x' });
          return state.spawn(script, goal, options);
        },
      }),
    ],
    [
      'reads after close',
      ['port:2'],
      (state) => ({ ...state, get: (id) => insteadOf(state.get(id), 'closed', () => undefined) }),
    ],
    [
      'does not know when an actor was updated',
      ['state:1', 'state:7', 'state:8'],
      (state) => ({
        ...state,
        spawn: async (...args) => ({ ...(await state.spawn(...args)), updatedAt: 0 }),
      }),
    ],
    [
      'forgets what is null in metadata',
      ['state:1'],
      (state) => ({
        ...state,
        spawn: (script, goal, { metadata, ...options } = {}) =>
          state.spawn(script, goal, {
            ...options,
            metadata:
              metadata &&
              (JSON.parse(JSON.stringify(metadata).replaceAll('null,', '')) as typeof metadata),
          }),
      }),
    ],
    [
      'lists the actor that was updated last at the end',
      ['state:2'],
      (state) => {
        let last = '';
        return {
          ...state,
          update: (id, patch, options) => {
            if (patch.goals !== undefined) last = id;
            return state.update(id, patch, options);
          },
          list: async (filter) =>
            (await state.list(filter)).toSorted(
              (a, b) => Number(a.id === last) - Number(b.id === last),
            ),
        };
      },
    ],
    [
      'takes the update of an unknown actor for one that changes nothing',
      ['state:3', 'state:9'],
      updateOf((state, id, patch, options) =>
        insteadOf(state.update(id, patch, options), 'actor-unknown', () => undefined as never),
      ),
    ],
    [
      'copies metadata by assignment',
      ['state:7'],
      (state) => ({
        ...state,
        spawn: (script, goal, options) =>
          state.spawn(script, goal, {
            ...options,
            metadata: options?.metadata && Object.assign({}, options.metadata),
          }),
      }),
    ],
    [
      'looks for an actor and then spawns it',
      ['state:8'],
      (state) => ({
        ...state,
        spawn: async (script, goal, options = {}) => {
          const { id } = options;
          if (id === undefined) return state.spawn(script, goal, options);
          const existing = await state.get(id);
          await new Promise((resolve) => setImmediate(resolve));
          if (existing !== undefined) return existing;
          await state.remove?.(id);
          return state.spawn(script, goal, options);
        },
      }),
    ],
  ],
);

describeProved(stateSuite);
