/**
 * A user who has the release before: a minor of the core is released, and each way to update leaves an application that works,
 * with one core in it.
 */
import { cpSync } from 'node:fs';
import { type Consumer, makeConsumer, requireOneCore } from './consumer.ts';
import type { LocalRegistry } from './local-registry.ts';
import { kindOf, releaseProblems, releaseTable } from './release-plan.ts';

const SCOPE = '@promethean/';
const CORE = `${SCOPE}pantheon-core`;
const ADAPTERS = ['adapter-cron-scheduler', 'adapter-offline-llm', 'adapter-sqlite-context'].map(
  (name) => SCOPE + name,
);

/** A schedule, a model and a context of adapters in the orchestrator of the core, for one tick. */
const APPLICATION = `
import { makeActorFactory, makeLlmBehavior, makeOrchestrator } from '@promethean/pantheon-core';
import * as memory from '@promethean/pantheon-core/memory';
import { makeCronScheduler } from '@promethean/adapter-cron-scheduler';
import { makeOfflineLlm } from '@promethean/adapter-offline-llm';
import { makeSqliteContext } from '@promethean/adapter-sqlite-context';

const context = makeSqliteContext({ path: ':memory:', sources: { talk: { kind: 'conversation' } } });
const orchestrator = makeOrchestrator({
  now: Date.now,
  log: () => {},
  context,
  tools: memory.makeMemoryTools(),
  llm: makeOfflineLlm(),
  bus: memory.makeMemoryBus(),
  schedule: makeCronScheduler(),
  state: memory.makeMemoryState(),
});
const { createActor, createTalent } = makeActorFactory();
const talents = [createTalent('answer', [makeLlmBehavior()])];
const contextSources = [{ id: 'talk', label: 'What was said' }];
const actor = createActor({ name: 'clerk', contextSources, talents }, ['answer']);
const { outcomes } = await orchestrator.tickActor(actor, { userMessage: 'Hello.' });
console.log(outcomes.map(({ status }) => status).join());
await orchestrator.stop();
await context.close();
`;

const requireWorks = async (consumer: Consumer, after: string): Promise<void> => {
  const node = ['--disable-warning=ExperimentalWarning', 'app.js'];
  const printed = await consumer.run(process.execPath, ...node);
  if (printed.trim() !== 'ok')
    throw new Error(`After ${after} the application must print "ok". It printed:\n${printed}`);
};

/** The step. */
export default async (registry: LocalRegistry, work: string): Promise<void> => {
  const before = new Map(registry.versions);
  const old = makeConsumer(registry, work, 'of the release before');
  old.write('app.js', APPLICATION);
  await old.run('npm', 'install', CORE, ...ADAPTERS);
  await requireWorks(old, 'the first install');
  await requireOneCore(old, before.get(CORE));

  registry.clone.addChangeset('a-minor', { [CORE]: 'minor', [`${SCOPE}pantheon`]: 'minor' });
  const plan = await registry.release();
  console.log(`What a minor of the core does:\n\n${releaseTable(plan).join('\n')}\n`);
  const problems = [...releaseProblems(plan)];
  for (const { name, from, to } of plan) {
    if (name.startsWith(`${SCOPE}adapter-`) && !['none', 'patch'].includes(kindOf(from, to)))
      problems.push(`A minor of the core gives ${name} more than a patch.`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));

  const core = registry.versions.get(CORE);
  const ways: readonly (readonly [args: readonly string[], core: string | undefined])[] = [
    // Stays inside of the ranges in the package.json, where a minor at 0.x is not.
    [['update'], core?.startsWith('0.') === true ? before.get(CORE) : core],
    [['install', `${CORE}@latest`], core],
    [['install', ...[CORE, ...ADAPTERS].map((name) => `${name}@latest`)], core],
  ];
  for (const [args, expected] of ways) {
    const way = `npm ${args.join(' ')}`;
    const consumer = makeConsumer(registry, work, `after npm ${args[0]} ${args.length}`);
    cpSync(old.folder, consumer.folder, { recursive: true });
    // Strict: what npm would only warn of is a failure.
    await consumer.run('npm', ...args, '--strict-peer-deps');
    await requireWorks(consumer, way);
    await requireOneCore(consumer, expected);
  }

  // Who starts today gets all of it.
  const fresh = makeConsumer(registry, work, 'new today');
  fresh.write('app.js', APPLICATION);
  await fresh.run('npm', 'install', '--strict-peer-deps', ...ADAPTERS, CORE);
  await requireWorks(fresh, 'an install of today');
  await requireOneCore(fresh, core);
};
