/** Which behaviors run in a tick. */
import type { Actor, ActorScript, Behavior } from './types.ts';

interface Selection {
  readonly withInput: readonly Behavior[];
  readonly withoutInput: readonly Behavior[];
}

// A script is shared by all its actors and never changes, so it is sorted once.
const selections = new WeakMap<ActorScript, Selection>();

/**
 * The behaviors of an actor that run, in script order: with user input the `active` and `persistent` ones, without it the
 * `passive` and `persistent` ones. (Specification, "Behavior Selection Logic".)
 */
export const selectBehaviors = (actor: Actor, hasUserInput: boolean): readonly Behavior[] => {
  let selection = selections.get(actor.script);
  if (selection === undefined) {
    const all = actor.script.talents.flatMap((talent) => talent.behaviors);
    selection = {
      withInput: all.filter(({ mode }) => mode !== 'passive'),
      withoutInput: all.filter(({ mode }) => mode !== 'active'),
    };
    selections.set(actor.script, selection);
  }
  return hasUserInput ? selection.withInput : selection.withoutInput;
};
