/** Taking up what a process has left in the state port: the loops of spawned actors, their waits, and orphans. */
import { obstacleAbove, orphanedBy } from './ancestry.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { isSpawned } from './limits.ts';
import type { Loops } from './loops.ts';
import type { Supervisor } from './supervision.ts';
import type { ActorRecord } from './types.ts';
import type { Waits } from './waits.ts';

/** What was taken up. */
export interface Revival {
  /** Loops of spawned actors that run now. */
  readonly loops: number;
  /** Waits that were armed. */
  readonly waits: number;
  /** The ids of actors that were stopped, because an ancestor of theirs has ended. */
  readonly stopped: readonly string[];
}

/**
 * All actors that may still tick. Where the state port also keeps actors whose script it does not know, those of another application:
 * the actors of the scripts that the orchestrator was told of.
 */
export const listActors = async (kernel: Kernel): Promise<readonly ActorRecord[]> => {
  const { deps, settings } = kernel;
  const names = new Set(settings.scripts.map(({ name }) => name));
  try {
    try {
      return await deps.state.list();
    } catch (error) {
      if (!PantheonError.is(error, 'script-unknown') || names.size === 0) throw error;
    }
    const lists = await Promise.all([...names].map((script) => deps.state.list({ script })));
    return lists.flat();
  } catch (error) {
    // An actor of a script that is gone, or of an older version, does not keep ticks from being finished.
    if (!PantheonError.is(error, 'script-unknown')) throw error;
    kernel.log('What the last process left in the state could not be taken up', {
      error: errorInfo(error).message,
    });
    return [];
  }
};

/** Looks at every actor that may still tick. `actors` are all of them, as the state port has just listed them. */
export const revive = async (
  kernel: Kernel,
  supervisor: Supervisor,
  loops: Loops,
  waits: Waits,
  actors: readonly ActorRecord[],
): Promise<Revival> => {
  const listed = new Map(actors.map((actor) => [actor.id, actor]));
  const get = async (id: string): Promise<ActorRecord | undefined> =>
    listed.get(id) ?? kernel.deps.state.get(id);
  const stopped: string[] = [];
  let started = 0;
  let armed = 0;
  for (const actor of actors) {
    if (actor.state === 'completed' || actor.state === 'failed') continue;
    const above = await obstacleAbove(get, actor);
    if (above !== undefined && above.state !== 'paused') {
      await supervisor.settle(actor, 'failed', orphanedBy(above));
      stopped.push(actor.id);
      continue;
    }
    // A loop of a paused actor skips its turns, until the actor or its ancestor goes on.
    const { loop } = actor.script;
    if (loop !== undefined && isSpawned(actor)) {
      try {
        loops.start(actor, loop.intervalMs);
        started += 1;
      } catch (error) {
        kernel.log(`The loop of ${actor.id} could not be started`, {
          actorId: actor.id,
          error: errorInfo(error).message,
        });
      }
    }
    armed += waits.revive(actor);
  }
  return { loops: started, waits: armed, stopped };
};
