/** S-TOOL-1: over random spawn trees, nobody ever runs a tool that one of its ancestors may not run. */
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import {
  type ActorRecord,
  type ActorScript,
  type IActorStatePort,
  type JsonValue,
  type Permissions,
  type ToolSpec,
  makeOrchestrator,
} from '@promethean/pantheon-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { behavior, makeDesk } from './desk.ts';

/** All of it with `npm run faults`; enough to see a mistake with `npm test`. */
const RUNS = IS_FULL ? 2_000 : 150;

const NAMES = ['read', 'read_web', 'write', 'drop', 'drop_all'] as const;
const PATTERNS = [...NAMES, 'read*', 'drop*', '*', 'nobody'] as const;

const tools = fc.tuple(
  ...NAMES.map((name) =>
    fc
      .constantFrom<ToolSpec['sideEffect']>('none', 'write', 'destructive', undefined)
      .map((sideEffect): ToolSpec => (sideEffect === undefined ? { name } : { name, sideEffect })),
  ),
);
const list = fc.option(fc.subarray([...PATTERNS]), { nil: undefined });
/** From the root downwards. */
const chain = fc.array(list, { minLength: 1, maxLength: 4 });

/** What the rule says, written down once more and in another way than the core does. */
const mayRun = (
  lists: readonly (readonly string[] | undefined)[],
  { name, sideEffect }: ToolSpec,
): boolean => {
  const names = (own: readonly string[]): boolean =>
    own.includes(name) || own.some((one) => one.endsWith('*') && name.startsWith(one.slice(0, -1)));
  if (sideEffect === 'destructive' && lists[0] === undefined) return false;
  return lists.every((own) => own === undefined || names(own));
};

/** What a spawn action might carry to get more than it should. */
const widening = {
  metadata: {
    'pantheon:lineage': {
      depth: 0,
      permissions: [],
      accounts: [],
      root: { id: 'x', tools: ['*'] },
    },
  },
  permissions: { tools: ['*'] },
} as const;

/** A state port that keeps no more of a script than its name, like one on a server. */
const reviving = (state: IActorStatePort, scripts: ReadonlyMap<string, ActorScript>) => {
  const revived = (record: ActorRecord): ActorRecord => ({
    ...(JSON.parse(JSON.stringify(record)) as ActorRecord),
    script: scripts.get(record.script.name) as ActorScript,
  });
  const port: IActorStatePort = {
    ...state,
    get: async (id) => {
      const record = await state.get(id);
      return record === undefined ? undefined : revived(record);
    },
    list: async (filter) => (await state.list(filter)).map(revived),
  };
  return port;
};

test(
  'S-TOOL-1 no spawn tree and no list of permissions widens what an ancestor may do',
  { timeout: 120_000 },
  async (context) => {
    let [trees, tried, ran, forbidden, hidden] = [0, 0, 0, 0, 0];
    await fc.assert(
      fc.asyncProperty(chain, tools, fc.boolean(), async (lists, specs, isRestarted) => {
        trees += 1;
        const seen = new Map<string, readonly string[]>();
        const scripts = new Map<string, ActorScript>();
        lists.forEach((own, generation) => {
          const permissions: Permissions | undefined =
            own === undefined ? undefined : { tools: own };
          scripts.set(`s${generation}`, {
            name: `s${generation}`,
            contextSources: [],
            talents: [
              {
                name: 'try',
                behaviors: [
                  behavior('try', (input) => {
                    seen.set(
                      input.actor.id,
                      input.tools.map(({ name }) => name),
                    );
                    return {
                      actions: NAMES.map((name) => ({ type: 'tool' as const, name, args: {} })),
                    };
                  }),
                ],
              },
            ],
            ...(permissions === undefined ? undefined : { permissions }),
          });
        });
        const invoked: (readonly [actorId: string | undefined, name: string])[] = [];
        const { deps } = makeDesk({
          tools: {
            register: () => {},
            list: () => specs,
            invoke: async (name, _args, call) => invoked.push([call?.actorId, name]),
          },
        });
        const state = reviving(deps.state, scripts);
        const start = () =>
          makeOrchestrator(
            { ...deps, state: isRestarted ? state : deps.state },
            { maxSpawnDepth: 9 },
          );
        const ids = [(await deps.state.spawn(scripts.get('s0') as ActorScript, 'g')).id];
        for (let generation = 1; generation < lists.length; generation += 1) {
          const orchestrator = start();
          const parent = (await (isRestarted ? state : deps.state).get(
            ids[generation - 1] as string,
          )) as ActorRecord;
          const action = {
            ...widening,
            type: 'spawn' as const,
            actor: scripts.get(`s${generation}`) as ActorScript,
            goal: 'g',
          };
          const child = (await orchestrator.executeAction(action, parent)) as ActorRecord;
          ids.push(child.id);
        }
        const ranBy = (id: string | undefined, tool: string): boolean =>
          invoked.some(([actorId, name]) => actorId === id && name === tool);
        for (const [generation, id] of ids.entries()) {
          const report = await start().deliver(id, 'go');
          const above = lists.slice(0, generation + 1);
          for (const [index, spec] of specs.entries()) {
            const may = mayRun(above, spec);
            const did = ranBy(id, spec.name);
            tried += 1;
            ran += did ? 1 : 0;
            if (did && !may) forbidden += 1;
            expect(did).toBe(may);
            // No child runs what its parent could not.
            if (did && generation > 0) expect(ranBy(ids[generation - 1], spec.name)).toBe(true);
            expect(seen.get(id)?.includes(spec.name)).toBe(may);
            if (may) continue;
            hidden += 1;
            expect(report.outcomes[index]).toMatchObject({
              status: 'denied',
              error: {
                code: 'permission-denied',
                message: expect.stringContaining('permissions.tools'),
              },
            });
          }
        }
      }),
      { numRuns: RUNS },
    );
    noteFigures(context, 'S-TOOL-1', { trees, tried, ran, denied: hidden, forbidden });
    expect(forbidden).toBe(0);
    expect(ran).toBeGreaterThan(0);
  },
);

test('S-TOOL-1 a record from before roots were kept allows nothing destructive', async () => {
  const specs: readonly ToolSpec[] = [
    { name: 'drop', sideEffect: 'destructive' },
    { name: 'read' },
  ];
  const invoked: string[] = [];
  const { deps, orchestrator } = makeDesk({
    tools: {
      register: () => {},
      list: () => specs,
      invoke: async (name) => invoked.push(name),
    },
  });
  const script: ActorScript = {
    name: 'old',
    contextSources: [],
    permissions: { tools: ['*'] },
    talents: [
      {
        name: 'try',
        behaviors: [
          behavior(
            'try',
            specs.map(({ name }) => ({ type: 'tool', name, args: {} })),
          ),
        ],
      },
    ],
  };
  const lineage: JsonValue = { depth: 1, permissions: [{ tools: ['*'] }], accounts: [] };
  const { id } = await deps.state.spawn(script, 'g', { metadata: { 'pantheon:lineage': lineage } });
  await orchestrator.deliver(id, 'go');
  expect(invoked).toEqual(['read']);
});
