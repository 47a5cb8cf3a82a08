/** Actors, servers and workers for one test, and the evidence of what became of them. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PantheonError } from '@promethean/pantheon-core';
import { Redis } from 'ioredis';
import { check, type Findings } from './checker.ts';
import { makeClerk } from './clerk.ts';
import { startCounter, type Counter } from './counter.ts';
import { makeCrew, type Crew, type Worker } from './crew.ts';
import { readHistory, type HistoryLine } from './history.ts';
import { DUTIES, EFFECTS, type Places, type StoresName, type Terms } from './settings.ts';
import { closeStores, openStores, type Stores } from './stores.ts';
import { until } from './until.ts';

/** All of it with `npm run faults`; enough to see a mistake with `npm test`. */

/** How many effects an order has. */
export const EFFECTS_EACH: number = EFFECTS.length;

export interface SceneOptions {
  readonly stores: StoresName;
  readonly redis: string;
  readonly postgres?: string | undefined;
  readonly actors?: number;
  readonly terms?: Partial<Terms>;
  readonly holdMs?: number;
}

export interface Scene {
  readonly actors: readonly string[];
  readonly stores: Stores;
  readonly counter: Counter;
  readonly crew: Crew;
  readonly terms: Terms;
  /** Starts workers that listen. */
  readonly hire: (count: number, via?: Partial<Places>) => Promise<Worker[]>;
  /** Sends one message to each of these actors (default: all), and resolves to their ids. */
  readonly send: (duty?: string, to?: readonly string[]) => Promise<readonly string[]>;
  /** Resolves when everything that was sent has been handled and acknowledged, and the journal has nothing left. */
  readonly settle: (deadlineMs?: number) => Promise<void>;
  /** Effects that have not happened yet. */
  readonly left: () => number;
  readonly history: () => readonly HistoryLine[];
  readonly findings: () => Findings;
  /** Orders that the records of their actors do not have. */
  readonly lostUpdates: () => Promise<number>;
  readonly close: () => Promise<void>;
}

const makeScene = async (options: SceneOptions): Promise<Scene> => {
  const { stores: name, redis, postgres, holdMs = 12 } = options;
  const terms = { leaseMs: 1_000, memberMs: 1_500, ...options.terms };
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-workers-'));
  const namespace = `t${randomBytes(6).toString('hex')}`;
  const places = { redis, postgres, folder, namespace };
  const counter = await startCounter();
  const crew = makeCrew({ stores: name, places, terms, counter: counter.url, holdMs });
  const script = makeClerk({ name: 'test', counter: counter.url, holdMs, terms });
  // A test that the machine holds up for longer than a member's term must not miss an answer: it is not what is tried.
  const stores = await openStores(name, places, [script], { ...terms, memberMs: 60_000 });
  const client = new Redis(redis, { protocol: 2, replyMapping: 'legacy' });
  client.on('error', () => undefined); // Some tests end its server.
  const actors = Array.from({ length: options.actors ?? 20 }, (_, n) => `actor-${n}`);
  for (const id of actors) await stores.state.spawn(script, 'handle the orders', { id });
  const answers: string[] = [];
  stores.bus.subscribe(({ to, content }) => to === 'user' && answers.push(content), { to: 'user' });
  /** The actor of each order. */
  const orders = new Map<string, string>();
  let count = 0;

  const left = (): number => orders.size * EFFECTS_EACH - counter.effects();

  const inboxes = (): Promise<readonly string[]> => client.keys(`{${namespace}}:bus:in:*`);

  const isHandled = async (): Promise<boolean> => {
    if (answers.length < orders.size || left() > 0) return false;
    if (name === 'naive') return true;
    if ((await inboxes()).length > 0) return false;
    return ((await stores.journal?.unfinished()) ?? []).length === 0;
  };

  const findings = (): Findings =>
    check({
      orders: Array.from(orders.keys()),
      calls: counter.calls,
      history: readHistory(folder),
      deaths: crew.deaths,
      answers,
    });

  return {
    actors,
    stores,
    counter,
    crew,
    terms,
    hire: (number, via) =>
      Promise.all(
        Array.from({ length: number }, async () => {
          const worker = await crew.hire({ places: { ...places, ...via } });
          await worker.tell({ do: 'listen' });
          return worker;
        }),
      ),
    send: async (duty = DUTIES.order, to = actors) => {
      const ids: string[] = [];
      await Promise.all(
        to.map((actor) => {
          count += 1;
          const id = `o${count}`;
          ids.push(id);
          if (duty === DUTIES.order) orders.set(id, actor);
          return stores.bus.send({ from: 'user', to: actor, content: duty, id });
        }),
      );
      return ids;
    },
    settle: async (deadlineMs = 90_000) => {
      let last = 0;
      try {
        // What has been handled stays handled: the same again a moment later, and no call in between.
        await until(
          async () => {
            const before = counter.calls.length;
            const isDone = before === last && (await isHandled());
            last = before;
            if (!isDone) await new Promise((resolve) => setTimeout(resolve, 100));
            return isDone;
          },
          'the end of all work',
          deadlineMs,
        );
      } catch (error) {
        const unfinished = await stores.journal?.unfinished();
        const state = {
          ...findings(),
          unfinished: unfinished?.length,
          inboxes: await inboxes(),
          answers: `${answers.length} of ${orders.size}`,
          deadLetters: (await stores.bus.deadLetters?.list())?.length,
        };
        throw new PantheonError(
          'unexpected',
          `${(error as Error).message}: ${JSON.stringify(state)}, ${crew.errors.join('\n').slice(-2_000)}`,
          { cause: error },
        );
      }
    },
    left,
    history: () => readHistory(folder),
    findings,
    lostUpdates: async () => {
      const records = new Map((await stores.state.list()).map((record) => [record.id, record]));
      return Array.from(orders).filter(
        ([order, actor]) => typeof records.get(actor)?.metadata?.[order] !== 'string',
      ).length;
    },
    close: async () => {
      await crew.close();
      await closeStores(stores);
      client.disconnect();
      await counter.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Runs a test in a scene of its own. */
export const inScene = async (
  options: SceneOptions,
  run: (scene: Scene) => Promise<void>,
): Promise<void> => {
  const scene = await makeScene(options);
  try {
    await run(scene);
  } finally {
    await scene.close();
  }
};
