/** The ports of workload W1: as cheap as ports can be, and each counts what it is asked for. */
import type {
  Actor,
  Behavior,
  BusMessage,
  Message,
  OrchestratorDeps,
} from '@promethean/pantheon-core';
import { makeMemoryScheduler } from '@promethean/pantheon-core/memory';
import { z } from 'zod';

/** What a turn is made of, for contestants with and without ports. */
export interface TurnDesk {
  readonly deps: OrchestratorDeps;
  /** The n-th of the actors. */
  readonly actorOf: (n: number) => Actor;
  /** Throws unless exactly this many turns were made since the last call. */
  readonly assertTurns: (turns: number) => void;
}

/** The user's message. */
export const QUESTION = 'what is new?';
/** What the model answers, and the tool is given. */
const ANSWER = 'nothing is new';

const CONTEXT: readonly Message[] = [
  { role: 'system', content: 'You are brief.' },
  { role: 'user', content: QUESTION },
];

const SENT: BusMessage = {
  from: 'clerk',
  to: 'user',
  content: ANSWER,
  id: 'm',
  sentAt: 0,
  hops: 0,
};

export const makeTurnDesk = (actorCount: number): TurnDesk => {
  const args = z.object({ text: z.string() });
  const done = { contexts: 0, completions: 0, calls: 0, messages: 0 };

  const deps: OrchestratorDeps = {
    now: () => Date.now(),
    log: () => {},
    context: {
      compile: async () => {
        done.contexts += 1;
        return CONTEXT;
      },
    },
    llm: {
      complete: async ({ messages }) => {
        if (messages.length === 2) done.completions += 1;
        return { role: 'assistant', content: ANSWER };
      },
    },
    tools: {
      register: () => {},
      invoke: async (_name, input) => {
        const { text } = args.parse(input);
        done.calls += 1;
        return text.length;
      },
    },
    bus: {
      send: async (message) => {
        if (message.content === ANSWER) done.messages += 1;
        return SENT;
      },
      subscribe: () => () => {},
    },
    schedule: makeMemoryScheduler(),
    state: {
      spawn: () => Promise.reject(new Error('nothing is spawned in this workload')),
      list: async () => [],
      get: async () => undefined,
      update: () => Promise.reject(new Error('nothing is stored in this workload')),
    },
  };

  const behavior: Behavior = {
    name: 'answer',
    mode: 'active',
    // The specification's loop hands over no llm; there the behavior brings its own.
    plan: async (input) => {
      const llm = 'llm' in input ? input.llm : deps.llm;
      const answer = await llm.complete({ messages: input.context });
      return {
        actions: [
          { type: 'tool', name: 'note', args: { text: answer.content } },
          { type: 'message', content: answer.content },
        ],
      };
    },
  };
  const script = {
    name: 'clerk',
    contextSources: [],
    talents: [{ name: 'talk', behaviors: [behavior] }],
  };

  const actors = Array.from({ length: actorCount }, (_, n): Actor => ({
    id: `clerk-${n}`,
    script,
    goals: ['answer'],
  }));

  return {
    deps,
    actorOf: (n) => actors[n] as Actor,
    assertTurns: (turns) => {
      for (const [what, count] of Object.entries(done)) {
        if (count !== turns)
          throw new Error(`${turns} turns were asked for, and ${count} ${what} made`);
      }
      Object.assign(done, { contexts: 0, completions: 0, calls: 0, messages: 0 });
    },
  };
};
