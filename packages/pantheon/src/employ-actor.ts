import { PantheonError } from '@promethean/pantheon-core';
import type { ActorRecord, IActorStatePort } from '@promethean/pantheon-core';
import { idOf } from './config-schema.ts';
import type { ActorSetting } from './config.ts';

/**
 * Makes an actor of the config, or takes up the one that an earlier run left behind, with the goals and the state that it has by now.
 *
 * @throws PantheonError `option-invalid` where the id belongs to an actor of another script; what the state port rejects with.
 */
export const employActor = async (
  state: IActorStatePort,
  setting: ActorSetting,
): Promise<ActorRecord> => {
  const { script, goals = [] } = setting;
  const id = idOf(setting);
  const [goal = ''] = goals;
  const actor = await state.spawn(script, goal, { id });
  if (actor.script.name !== script.name) {
    throw new PantheonError(
      'option-invalid',
      `the state has an actor ${id} of the script ${actor.script.name}, not ${script.name}; give one of them another id.`,
      { details: { id } },
    );
  }
  // A spawn takes one goal. Nobody else has touched version 1, not even a run that ended between these two lines.
  const isNew = actor.version === 1 && actor.goals.length === 1 && actor.goals[0] === goal;
  if (!isNew || goals.length === 1) return actor;
  try {
    return await state.update(id, { goals }, { expectedVersion: 1 });
  } catch (error) {
    if (!PantheonError.is(error, 'state-conflict')) throw error;
    return (await state.get(id)) ?? actor; // Another process was faster.
  }
};
