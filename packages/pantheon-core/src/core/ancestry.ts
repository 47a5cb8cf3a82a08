/** What stands above an actor: one whose ancestor is paused waits, and one whose ancestor has ended is stopped. */
import { PantheonError } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import { hadStoredParent } from './limits.ts';
import type { IActorStatePort } from './ports.ts';
import type { Actor } from './types.ts';

/** An ancestor on whose account an actor does not tick. */
export interface Obstacle {
  readonly id: string;
  readonly state: 'paused' | 'completed' | 'failed' | 'removed';
}

/**
 * The ancestor that keeps an actor from ticking: the nearest that has ended, else the nearest that is paused. At most one look at
 * the state port for each generation. An ancestor that the port has never known keeps nobody from anything.
 */
export const obstacleAbove = async (
  get: IActorStatePort['get'],
  actor: Actor,
): Promise<Obstacle | undefined> => {
  const seen = new Set([actor.id]);
  let paused: Obstacle | undefined;
  let child = actor;
  while (child.parentId !== undefined && !seen.has(child.parentId)) {
    const id = child.parentId;
    seen.add(id);
    const parent = await get(id);
    if (parent === undefined) return hadStoredParent(child) ? { id, state: 'removed' } : paused;
    const { state } = parent;
    if (state === 'completed' || state === 'failed') return { id, state };
    if (state === 'paused') paused ??= { id, state };
    child = parent;
  }
  return paused;
};

/** Why an actor is stopped for good. */
export const orphanedBy = ({ id, state }: Obstacle): ErrorInfo => ({
  code: 'actor-not-runnable',
  message: `its parent ${id} has ended (${state})`,
  retryable: false,
});

/** The refusal of a tick. */
export const refusedFor = (actor: Actor, { id, state }: Obstacle): PantheonError =>
  state === 'paused'
    ? new PantheonError(
        'actor-not-runnable',
        `${actor.id} does not tick while its ancestor ${id} is paused; it goes on when that one's state is set to idle`,
        { retryable: true, details: { state, ancestorId: id } },
      )
    : new PantheonError(
        'actor-not-runnable',
        `${actor.id} was stopped: its ancestor ${id} has ended (${state})`,
        { details: { state: 'failed', ancestorId: id } },
      );
