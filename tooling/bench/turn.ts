/**
 * W1, one turn: a user's message in, a context of two messages, one completion, one call of a tool with a checked argument,
 * one message out. By one actor again and again, and by a thousand actors at once.
 */
import { makeOrchestrator } from '@promethean/pantheon-core';
import { hold } from './contest.ts';
import type { Disciplines } from './contest.ts';
import { makeNaiveLoop } from './naive-loop.ts';
import { importPeer } from './peers.ts';
import type { Workload } from './result.ts';
import { QUESTION, makeTurnDesk } from './turn-desk.ts';
import type { TurnDesk } from './turn-desk.ts';

/** One turn of the n-th actor. */
type Turn = (n: number) => Promise<unknown>;

const CROWD = 1_000;
const SEQUENCE = 'in sequence';
const AT_ONCE = '1,000 at once';
const RAW = 'raw async function';
const NAIVE = 'naive loop';
const OURS = 'Pantheon';
const OBSERVED = 'Pantheon with an observer';

const input = { userMessage: QUESTION };

const raw =
  ({ deps: { context, llm, tools, bus } }: TurnDesk): Turn =>
  async () => {
    const messages = await context.compile({ texts: [QUESTION], sources: [] });
    const { content } = await llm.complete({ messages });
    await tools.invoke('note', { text: content });
    await bus.send({ from: 'clerk', to: 'user', content });
  };

const naive = ({ deps, actorOf }: TurnDesk): Turn => {
  const { tickActor } = makeNaiveLoop(deps);
  return (n) => tickActor(actorOf(n), input);
};

const ours = ({ deps, actorOf }: TurnDesk): Turn => {
  const { tickActor } = makeOrchestrator(deps);
  return (n) => tickActor(actorOf(n), input);
};

const observed = (desk: TurnDesk): Turn => {
  const seen: Record<string, number> = {};
  const observe = ({ type }: { readonly type: string }): void => {
    seen[type] = (seen[type] ?? 0) + 1;
  };
  return ours({ ...desk, deps: { ...desk.deps, observe } });
};

const CONTESTANTS: Readonly<Record<string, (desk: TurnDesk) => Turn>> = {
  [RAW]: raw,
  [NAIVE]: naive,
  [OURS]: ours,
  [OBSERVED]: observed,
};

/** The disciplines of one contestant. */
export const enter = async (name: string): Promise<Disciplines> => {
  const desk = makeTurnDesk(CROWD);
  const makeTurn = CONTESTANTS[name] ?? (await importPeer(name)).makeTurn;
  const turn = makeTurn(desk);
  const crowd = Array.from({ length: CROWD }, (_, n) => n);
  return {
    [SEQUENCE]: {
      run: async (times) => {
        for (let n = 0; n < times; n += 1) await turn(0);
        desk.assertTurns(times);
      },
    },
    [AT_ONCE]: {
      batch: CROWD,
      run: async (times) => {
        for (let n = 0; n < times; n += CROWD) await Promise.all(crowd.map((actor) => turn(actor)));
        desk.assertTurns(times);
      },
    },
  };
};

export const turn: Workload = async (effort) => {
  const names = [...Object.keys(CONTESTANTS), ...effort.peers];
  const costOf = await hold('turn.ts', names, effort);
  const times = (name: string, discipline: string): number =>
    costOf(name, discipline).cpuUs / costOf(NAIVE, discipline).cpuUs;
  const values = (name: string, discipline: string): readonly number[] => {
    const { cpuUs, wallUs } = costOf(name, discipline);
    return [cpuUs, wallUs, times(name, discipline)];
  };
  return {
    title: 'W1: one turn',
    tables: [
      {
        title: 'Microseconds a turn, and CPU time as a multiple of the naive loop',
        columns: [SEQUENCE, AT_ONCE].flatMap((one) => [`CPU, ${one}`, 'elapsed', 'x naive']),
        rows: names.map((name) => ({
          name,
          values: [...values(name, SEQUENCE), ...values(name, AT_ONCE)],
        })),
      },
    ],
    targets: [SEQUENCE, AT_ONCE].flatMap((discipline) => [
      {
        what: `a turn ${discipline}, x naive`,
        actual: times(OURS, discipline),
        limit: 1.5,
        sense: 'most',
      },
      {
        what: `a turn ${discipline} with an observer, x naive`,
        actual: times(OBSERVED, discipline),
        limit: 2.5,
        sense: 'most',
      },
    ]),
  };
};
