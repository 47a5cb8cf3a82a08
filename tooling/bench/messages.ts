/**
 * W2, messages within the process: a ball between two, a ring of a thousand with a message under way to each, and one sender to a
 * thousand recipients.
 */
import { makeMemoryBus } from '@promethean/pantheon-core/memory';
import { hold } from './contest.ts';
import type { Disciplines } from './contest.ts';
import { importPeer } from './peers.ts';
import type { Target, Workload } from './result.ts';

const CROWD = 1_000;
const MICROTASKS = 'bare microtasks';
const NAIVE = 'naive bus: all handlers filter';
const OURS = 'memory bus';
/** The rival that passes messages between actors. */
const ACTORS = 'nact';

/** What the patterns need of a bus. */
export interface Post {
  readonly receive: (id: string, handle: () => void) => void;
  readonly send: (from: string, to: string) => void;
}

const microtasks = (): Post => {
  const handlers = new Map<string, () => void>();
  return {
    receive: (id, handle) => handlers.set(id, handle),
    send: (_from, to) => queueMicrotask(handlers.get(to) as () => void),
  };
};

/** The event-driven pattern of the specification: every subscriber sees every message and picks its own. */
const naive = (): Post => {
  const handlers: ((message: { readonly to: string }) => void)[] = [];
  return {
    receive: (id, handle) =>
      handlers.push((message) => {
        if (message.to === id) handle();
      }),
    send: (from, to) => {
      const message = { from, to, content: 'ball' };
      queueMicrotask(() => {
        for (const handler of handlers) handler(message);
      });
    },
  };
};

const ours = (): Post => {
  const bus = makeMemoryBus();
  return {
    receive: (id, handle) => bus.subscribe(handle, { to: id }),
    send: (from, to) => void bus.send({ from, to, content: 'ball' }),
  };
};

const CONTESTANTS: Readonly<Record<string, () => Post>> = {
  [MICROTASKS]: microtasks,
  [NAIVE]: naive,
  [OURS]: ours,
};

const nameOf = (n: number): string => `player-${n}`;

/** Everybody who gets a message passes one on to the next, `balls` messages being under way, until `times` were handled. */
const makeRing = (
  post: Post,
  players: number,
  balls: number,
): ((times: number) => Promise<void>) => {
  let sent = 0;
  let handled = 0;
  let limit = 0;
  let done = (): void => {};
  const pass = (from: number): void => {
    if (sent === limit) return;
    sent += 1;
    post.send(nameOf(from), nameOf((from + 1) % players));
  };
  for (let player = 0; player < players; player += 1) {
    post.receive(nameOf(player), () => {
      handled += 1;
      if (handled === limit) done();
      else pass(player);
    });
  }
  return async (times) => {
    sent = 0;
    handled = 0;
    limit = times;
    await new Promise<void>((resolve) => {
      done = resolve;
      for (let ball = 0; ball < balls; ball += 1) pass(ball);
    });
    if (handled !== times || sent !== times)
      throw new Error(`${times} messages, ${sent} sent, ${handled} handled`);
  };
};

/** One message to each of `players`, and again when all of them have theirs. */
const makeFan = (post: Post, players: number): ((times: number) => Promise<void>) => {
  const counts = new Uint32Array(players);
  let left = 0;
  let done = (): void => {};
  for (let player = 0; player < players; player += 1) {
    post.receive(nameOf(player), () => {
      counts[player] = (counts[player] ?? 0) + 1;
      left -= 1;
      if (left === 0) done();
    });
  }
  return async (times) => {
    counts.fill(0);
    for (let round = 0; round < times / players; round += 1) {
      await new Promise<void>((resolve) => {
        done = resolve;
        left = players;
        for (let player = 0; player < players; player += 1) post.send('sender', nameOf(player));
      });
    }
    if (counts.some((count) => count !== times / players))
      throw new Error('a recipient missed a message');
  };
};

/** Ours lets the host have its turn however many messages there are; a long run shows it. */
const yielding =
  (run: (times: number) => Promise<void>) =>
  async (times: number): Promise<void> => {
    let turned = false;
    setTimeout(() => {
      turned = true;
    });
    await run(times);
    if (times >= 100_000 && !turned)
      throw new Error('no timer had its turn while the messages ran');
  };

/** The disciplines of one contestant. */
export const enter = async (name: string): Promise<Disciplines> => {
  const make = CONTESTANTS[name] ?? (await importPeer(name)).makePost;
  if (make === undefined) throw new Error(`${name} passes no messages`);
  const guard = name === OURS ? yielding : <T>(run: T): T => run;
  return {
    'ping-pong of 2': { run: guard(makeRing(make(), 2, 1)) },
    'ring of 1,000': { run: guard(makeRing(make(), CROWD, CROWD)), batch: CROWD },
    'fan-out to 1,000': { run: guard(makeFan(make(), CROWD)), batch: CROWD },
  };
};

export const messages: Workload = async (effort) => {
  const rivals = effort.peers.filter((peer) => peer === ACTORS);
  const names = [...Object.keys(CONTESTANTS), ...rivals];
  const disciplines = ['ping-pong of 2', 'ring of 1,000', 'fan-out to 1,000'];
  const costOf = await hold('messages.ts', names, effort);
  const rate = (name: string, discipline: string): number => 1 / costOf(name, discipline).cpuUs;
  return {
    title: 'W2: messages within the process',
    tables: [
      {
        title: 'Millions a second of CPU time',
        columns: disciplines,
        rows: names.map((name) => ({
          name,
          values: disciplines.map((discipline) => rate(name, discipline)),
        })),
      },
    ],
    targets: disciplines.slice(1).flatMap((discipline): readonly Target[] => [
      {
        what: `${discipline}, million messages a second`,
        actual: rate(OURS, discipline),
        limit: 3,
        sense: 'least',
      },
      ...rivals.map((rival): Target => ({
        what: `${discipline}, x ${rival}`,
        actual: rate(OURS, discipline) / rate(rival, discipline),
        limit: 1,
        sense: 'least',
      })),
    ]),
  };
};
