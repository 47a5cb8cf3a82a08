/** The actors of the harness, and their tools. */
import { setTimeout as pause } from 'node:timers/promises';
import { PantheonError } from '@promethean/pantheon-core';
import type { ActorScript, IActorStatePort, Plan, Tool } from '@promethean/pantheon-core';
import { tell } from './counter.ts';
import { DUTIES, EFFECTS, monotonic, type Terms } from './settings.ts';

interface ClerkSettings {
  readonly name: string;
  readonly counter: string;
  readonly holdMs: number;
  readonly terms: Terms;
}

/** Looks in one tick: more than fit into a lease. */
export const LOOKS = 12;

export const makeClerk = ({ name: worker, counter, holdMs }: ClerkSettings): ActorScript => {
  const plan = async (actor: string, order: string, duty: string): Promise<Plan> => {
    await tell(counter, {
      kind: 'plan',
      worker,
      actor,
      order,
      what: '',
      key: '',
      holdMs: holdMs / 4,
    });
    const tool = (name: string, args: object) =>
      ({ type: 'tool', name, args: { order, ...args } }) as const;
    const [kind, forMs] = duty.split(' ');
    const answer = { type: 'message', target: 'user', content: order } as const;
    if (kind === DUTIES.block) {
      return { actions: [tool('block', { forMs: Number(forMs) }), answer] };
    }
    if (kind === DUTIES.look) {
      const looks = Array.from({ length: LOOKS }, (_, n) => tool('look', { n }));
      return { actions: looks };
    }
    const effects = EFFECTS.map((effect) => tool(effect, {}));
    return { actions: [...effects, answer] };
  };
  return {
    name: 'clerk',
    contextSources: [],
    talents: [
      {
        name: 'orders',
        behaviors: [
          {
            name: 'handle',
            mode: 'active',
            plan: ({ actor, message, userMessage }) =>
              plan(actor.id, message?.id ?? '', userMessage ?? ''),
          },
          {
            name: 'turn',
            mode: 'passive',
            plan: async ({ actor }) => {
              const turn = {
                kind: 'turn',
                worker,
                actor: actor.id,
                order: '',
                what: '',
                key: '',
              } as const;
              await tell(counter, { ...turn, holdMs: 0 });
              return { actions: [] };
            },
          },
        ],
      },
    ],
  };
};

/** A tool that fails has failed; this one waits for its store, whatever became of its last try. */
const stored = async (write: () => Promise<unknown>): Promise<void> => {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      const isAway =
        PantheonError.is(error, 'unavailable') || PantheonError.is(error, 'outcome-unknown');
      if (!isAway) throw error;
      await pause(50);
    }
  }
};

export const makeClerkTools = (
  { name: worker, counter, holdMs, terms }: ClerkSettings,
  state: IActorStatePort,
): readonly Tool[] => [
  ...EFFECTS.map((effect): Tool => ({
    name: effect,
    // The server of the tools recognises a key that it has seen.
    onUnknown: 'retry',
    invoke: async ({ order }, { actorId: actor = '', idempotencyKey: key = '' }) => {
      const call = {
        kind: 'effect',
        worker,
        actor,
        order: String(order),
        what: effect,
        key,
      } as const;
      await tell(counter, { ...call, holdMs: Math.random() * holdMs });
      // What is kept of an order must be there at the end, once.
      if (effect === 'file')
        await stored(() => state.update(actor, { metadata: { [String(order)]: key } }));
      return 'done';
    },
  })),
  {
    name: 'look',
    sideEffect: 'none',
    invoke: async ({ order, n }, { actorId: actor = '' }) => {
      const call = {
        kind: 'look',
        worker,
        actor,
        order: String(order),
        what: String(n),
        key: '',
      } as const;
      await tell(counter, { ...call, holdMs: terms.leaseMs / 6 });
      return 'seen';
    },
  },
  {
    name: 'block',
    // Once is enough: whoever takes over shall not be blocked as well.
    onUnknown: 'fail',
    invoke: async ({ order, forMs }, { actorId: actor = '', idempotencyKey: key = '' }) => {
      await tell(counter, {
        kind: 'block',
        worker,
        actor,
        order: String(order),
        what: '',
        key,
        holdMs: 0,
      });
      for (const until = monotonic() + Number(forMs); monotonic() < until;);
      return 'done';
    },
  },
];
