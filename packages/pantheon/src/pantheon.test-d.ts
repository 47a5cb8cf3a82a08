import type { IActorStatePort, ILeasePort, Orchestrator } from '@promethean/pantheon-core';
import { makeMemoryBus, makeMemoryLeases, makeMemoryState } from '@promethean/pantheon-core/memory';
import { z } from 'zod';
import {
  type ActorScript,
  defineConfig,
  defineScript,
  defineTool,
  loadConfig,
  makeActorFactory,
  makePantheon,
  type Pantheon,
  type PantheonConfig,
  PantheonError,
} from './index.ts';

const script: ActorScript = defineScript({ name: 'a', contextSources: [], talents: [] });
const roll = defineTool({ name: 'roll', input: z.object({ sides: z.number() }), run: () => 4 });

defineConfig({}) satisfies PantheonConfig;
defineConfig({
  actors: [{ script, goals: ['a'], id: 'b', loopMs: 1_000 }, { script }],
  bus: makeMemoryBus(),
  state: makeMemoryState(),
  context: { documents: { docs: './docs' } },
  tools: [roll],
  llm: { model: 'm', baseURL: 'http://127.0.0.1:1/v1', timeouts: { totalMs: 1_000 } },
  log: { level: 'info' },
  journal: { file: 'journal.db' },
  leases: makeMemoryLeases(),
  options: { actions: {}, maxHops: 3 },
});
defineConfig({ state: 'memory', context: 'memory', llm: 'offline', log: false });
defineConfig({ state: { file: 'a.db' }, log: () => undefined, llm: 'openai' });

// @ts-expect-error No such setting.
defineConfig({ sate: 'memory' });
// @ts-expect-error No such setting of a state.
defineConfig({ state: { file: 'a', fle: 'b' } });
// @ts-expect-error No such time limit.
defineConfig({ llm: { timeouts: { totalMS: 1 } } });
// @ts-expect-error No such setting of an actor.
defineConfig({ actors: [{ script, gaols: [] }] });
// @ts-expect-error An actor has a script.
defineConfig({ actors: [{ id: 'a' }] });
// @ts-expect-error No such kind of state.
defineConfig({ state: 'sqlite' });
// @ts-expect-error No such level.
defineConfig({ log: { level: 'loud' } });
// @ts-expect-error Leases are a port.
defineConfig({ leases: { file: 'leases.db' } });
// @ts-expect-error A bus has subscribe.
defineConfig({ bus: { send: makeMemoryBus().send } });

const pantheon: Pantheon = makePantheon(defineConfig({}), { env: {} });
makePantheon();
makePantheon({ ...(await loadConfig({ cwd: '.', file: 'a.json', env: {} })), actors: [] });
pantheon.orchestrator satisfies Orchestrator;
pantheon.ports.state satisfies IActorStatePort;
pantheon.ports.leases satisfies ILeasePort | undefined;
(await pantheon.stop({ timeoutMs: 1 })).aborted satisfies number;
// @ts-expect-error A folder is a string.
void loadConfig({ cwd: 5 });

// One install is enough to write actors.
const { createTalent } = makeActorFactory();
createTalent('a', []) satisfies { readonly name: string };
PantheonError.is(new Error('a')) satisfies boolean;
