import {
  type ActorScript,
  type IActorStatePort,
  type Now,
  PantheonError,
} from '@promethean/pantheon-core';
import { makeScriptLibrary } from '@promethean/pantheon-core/adapter';

/** Settings of `makeTechState`. */
export interface TechStateOptions {
  /** The scripts that stored actors may follow: what is stored of a script is its name and version. */
  readonly scripts: readonly ActorScript[];
  /** Where `createdAt` and `updatedAt` come from. Default `Date.now`. */
  readonly now?: Now;
}

const missing = (member: string): PantheonError =>
  new PantheonError('capability-missing', `makeTechState: ${member} is not implemented yet.`);

/** The rules are in the documentation of `IActorStatePort`, numbered; the contract suite fails with the numbers of those that do not hold yet. */
export const makeTechState = (options: TechStateOptions): IActorStatePort => {
  const { now = Date.now } = options;
  const scripts = makeScriptLibrary(options.scripts);
  return {
    // state:1, state:8; readSpawn of @promethean/pantheon-core/adapter checks the arguments
    spawn: () => Promise.reject(missing('spawn')),
    // state:2
    list: () => Promise.reject(missing('list')),
    get: () => Promise.reject(missing('get')),
    // state:3 to state:7; applyPatch checks the patch
    update: () => Promise.reject(missing('update')),
    // Optional: remove (state:9), close (port:2). Name in `supports` of the harness what you add.
  };
};
