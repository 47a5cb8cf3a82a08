/** Making scripts, talents, behaviors and actors. */
import { PantheonError } from './errors.ts';
import { assertActor } from './guards.ts';
import type { Actor, ActorScript, Behavior, BehaviorMode, Talent } from './types.ts';

/** Makes the parts of an actor. */
export interface ActorFactory {
  readonly createBehavior: (
    name: string,
    mode: BehaviorMode,
    plan: Behavior['plan'],
    more?: Omit<Behavior, 'name' | 'mode' | 'plan'>,
  ) => Behavior;
  readonly createTalent: (name: string, behaviors: readonly Behavior[]) => Talent;
  /** Ids are `<script name>-<n>`, counted per factory; a state port gives out ids that are unique beyond the process. */
  readonly createActor: (script: ActorScript, goals: readonly string[]) => Actor;
}

/** A factory for actors that live outside of a state port: tests, small scripts, one actor for one job. */
export const makeActorFactory = (
  options: { readonly newId?: (script: ActorScript) => string } = {},
): ActorFactory => {
  let count = 0;
  const newId = options.newId ?? ((script: ActorScript) => `${script.name}-${(count += 1)}`);
  return {
    createBehavior: (name, mode, plan, more) => ({ ...more, name, mode, plan }),
    createTalent: (name, behaviors) => ({ name, behaviors }),
    createActor: (script, goals) => {
      const actor: Actor = { id: newId(script), script, goals };
      assertActor(actor);
      return actor;
    },
  };
};

/**
 * Checks a script and returns it, typed and frozen at its first level.
 *
 * @throws `actor-invalid` with the path of what is wrong, such as `script.talents[0].behaviors[1].mode`; also when two behaviors
 * have the same name, because reports and logs could not tell them apart.
 */
export const defineScript = <const S extends ActorScript>(script: S): S => {
  assertActor({ id: 'script', script, goals: [] });
  const names = new Set<string>();
  for (const { name } of script.talents.flatMap((talent) => talent.behaviors)) {
    if (names.has(name)) {
      throw new PantheonError(
        'actor-invalid',
        `script ${script.name} has two behaviors named ${name}; give each its own name`,
      );
    }
    names.add(name);
  }
  return Object.freeze(script);
};
