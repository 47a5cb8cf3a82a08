/** The orchestrator as its specification prints it, and nothing more: what everything else is compared with. */
import type {
  Action,
  Actor,
  Behavior,
  OrchestratorDeps,
  PlanInput,
  TickInput,
} from '@promethean/pantheon-core';

/** The specification's orchestrator. */
export interface NaiveLoop {
  readonly tickActor: (actor: Actor, input?: TickInput) => Promise<void>;
  readonly startActorLoop: (actor: Actor, intervalMs?: number) => () => void;
}

export const makeNaiveLoop = (deps: OrchestratorDeps): NaiveLoop => {
  const executeAction = async (action: Action, actor: Actor): Promise<void> => {
    deps.log(`Executing action: ${action.type}`, { actorId: actor.id, action });
    switch (action.type) {
      case 'message':
        await deps.bus.send({
          from: actor.id,
          to: action.target ?? 'user',
          content: action.content,
        });
        break;
      case 'tool':
        await deps.tools.invoke(action.name, action.args);
        break;
      case 'spawn':
        await deps.state.spawn(action.actor, action.goal);
        break;
      default:
        break;
    }
  };

  const selectBehaviors = (actor: Actor, hasUserInput: boolean): readonly Behavior[] => {
    const allBehaviors = actor.script.talents.flatMap((t) => t.behaviors);

    return allBehaviors.filter((behavior) => {
      if (hasUserInput) {
        return behavior.mode === 'active' || behavior.mode === 'persistent';
      }
      return behavior.mode !== 'active';
    });
  };

  const tickActor = async (actor: Actor, input?: TickInput): Promise<void> => {
    deps.log(`Ticking actor: ${actor.id}`, { goals: actor.goals, hasInput: !!input?.userMessage });

    const context = await deps.context.compile({
      texts: input?.userMessage ? [input.userMessage] : [],
      sources: actor.script.contextSources,
    });

    const allowedBehaviors = selectBehaviors(actor, !!input?.userMessage);
    const goal = actor.goals.join('; ');

    for (const behavior of allowedBehaviors) {
      try {
        const plan = await behavior.plan({ goal, context } as PlanInput);

        for (const action of plan.actions) {
          await executeAction(action, actor);
        }
      } catch (error) {
        deps.log(`Behavior ${behavior.name} failed`, {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    }
  };

  const startActorLoop = (actor: Actor, intervalMs: number = 5000): (() => void) =>
    deps.schedule.every(intervalMs, async () => {
      try {
        await tickActor(actor);
      } catch (error) {
        deps.log(`Actor loop error for ${actor.id}`, {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    });

  return { tickActor, startActorLoop };
};
