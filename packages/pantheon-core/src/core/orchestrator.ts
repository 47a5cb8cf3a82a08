/** The orchestrator: puts the parts together. Each part is a file of its own; this one only connects them. */
import { Actions } from './actions.ts';
import { Drive } from './drive.ts';
import type { Course } from './drive.ts';
import { PantheonError } from './errors.ts';
import { assertAction, assertActor, assertInput } from './guards.ts';
import { Kernel } from './kernel.ts';
import type { OrchestratorDeps, OrchestratorOptions, OrchestratorStats } from './kernel.ts';
import { lineageOf } from './limits.ts';
import { Listener } from './listening.ts';
import type { ListenOptions } from './listening.ts';
import { Loops } from './loops.ts';
import { Mailboxes } from './mailbox.ts';
import { recover } from './recovery.ts';
import type { Recovery } from './recovery.ts';
import { Supervisor } from './supervision.ts';
import { isThenable } from './thenable.ts';
import type { Action, Actor, TickInput, TickReport } from './types.ts';

/** What a stop came to. */
export interface StopReport {
  /** Whether every running tick ended by itself. */
  readonly clean: boolean;
  /** Ticks that were aborted at the deadline. */
  readonly aborted: number;
}

/** Runs actors. Made by `makeOrchestrator`; its members may be taken apart and passed around. */
export interface Orchestrator {
  /**
   * Runs one execution cycle of the actor, now or when its mailbox comes to it, and resolves to what it did. Failures of
   * behaviors and actions are in the report.
   *
   * @throws Rejects when the context port fails, and with `actor-invalid`, `message-invalid`, `actor-not-runnable`, `tick-reentrant`, `mailbox-full`,
   * `actor-busy`, `mailbox-dropped`, `message-expired` or `orchestrator-stopped` when the tick did not run.
   */
  readonly tickActor: (actor: Actor, input?: TickInput) => Promise<TickReport>;
  /**
   * Ticks the actor every `intervalMs` (default 5000) until the returned function is called. Each turn takes the actor fresh from
   * the state port, and the given one where the port does not know it. A turn that is due while the previous one still runs
   * is skipped and counted. A second call with the same actor and interval returns the same function.
   *
   * @throws `interval-invalid`, `actor-invalid`, `orchestrator-stopped`.
   */
  readonly startActorLoop: (actor: Actor, intervalMs?: number) => () => void;
  /**
   * Executes one action as the actor, outside of a tick, and resolves to its value: the sent message, the tool's result, the
   * spawned actor. Rejects with a typed error.
   */
  readonly executeAction: (action: Action, actor: Actor) => Promise<unknown>;
  /** Ticks the actors of the state port with the messages that the bus carries to them. Returns the function that ends it. */
  readonly listen: (options?: ListenOptions) => () => void;
  /** Gives a user's text to an actor of the state port and resolves to the report. Rejects with `actor-unknown`. */
  readonly deliver: (actorId: string, text: string) => Promise<TickReport>;
  /**
   * Ends loops and listening, answers what waits with `orchestrator-stopped`, lets running ticks end and aborts them after
   * `timeoutMs` (default 10,000). Closes nothing that was passed in. Further calls get the same promise.
   */
  readonly stop: (options?: { readonly timeoutMs?: number }) => Promise<StopReport>;
  /**
   * Finishes the ticks that a process has left unfinished in the journal: what was recorded is not done again. Resolves when each of
   * them stands at the head of its actor's mailbox; `ended` tells what became of them. To be called once, at the start and before
   * `listen`, by the only process that runs these actors. A tick whose actor is gone is closed; one whose actor is paused stays.
   * Rejects with `capability-missing` without a journal, and with what the journal or the state port rejects with.
   */
  readonly recover: () => Promise<Recovery>;
  readonly stats: () => OrchestratorStats;
}

const REQUIRED = ['now', 'log', 'context', 'tools', 'llm', 'bus', 'schedule', 'state'] as const;

/**
 * Makes an orchestrator from its ports. Nothing starts by itself.
 *
 * @throws `option-invalid` when a dependency is missing or an option is out of its range.
 */
export const makeOrchestrator = (
  deps: OrchestratorDeps,
  options: OrchestratorOptions = {},
): Orchestrator => {
  const missing = REQUIRED.filter((name) => deps[name] === undefined);
  if (missing.length > 0) {
    throw new PantheonError(
      'option-invalid',
      `makeOrchestrator needs deps.${missing.join(', deps.')}`,
    );
  }
  const kernel = new Kernel(deps, options);
  const supervisor = new Supervisor(kernel);
  const actions = new Actions(kernel, {
    spawned: (child) => {
      if (child.script.loop !== undefined) loops.start(child, child.script.loop.intervalMs);
    },
    wakeAfter: (actor, delayMs) => loops.wakeAfter(actor, delayMs),
  });
  const mailboxes = new Mailboxes(kernel, actions, supervisor);
  const loops = new Loops(kernel, mailboxes, supervisor);
  const subscriptions = new Set<() => void>();
  let stopping: Promise<StopReport> | undefined;

  /** One action outside of a tick. */
  function* single(drive: Drive<unknown>, action: Action, actor: Actor): Course<unknown> {
    const actionId = kernel.settings.newId(actor);
    const lineage = lineageOf(actor);
    const call = {
      actionId,
      tickId: actionId,
      lineage,
      cause: undefined,
      caller: undefined,
      drive,
      isRecorded: false,
    };
    const value = actions.execute(action, actor, call);
    return isThenable(value) ? yield value : value;
  }

  const stop = async (timeoutMs: number): Promise<StopReport> => {
    loops.stop();
    for (const unsubscribe of subscriptions) unsubscribe();
    subscriptions.clear();
    const aborted = await mailboxes.stop(timeoutMs);
    return { clean: aborted === 0, aborted };
  };

  return {
    tickActor(actor, input) {
      try {
        assertActor(actor);
        assertInput(input);
      } catch (error) {
        return Promise.reject(error);
      }
      return mailboxes.submit({ actor, input, fresh: false, caller: kernel.inside });
    },

    startActorLoop(actor, intervalMs = 5_000) {
      assertActor(actor);
      return loops.start(actor, intervalMs);
    },

    async executeAction(action, actor) {
      assertActor(actor);
      assertAction(action, kernel.isCustomAction);
      kernel.log(`Executing action: ${action.type}`, { actorId: actor.id, action });
      const drive = new Drive<unknown>(kernel.clockwork, 'the action', action.type, Infinity);
      return drive.run(single(drive, action, actor));
    },

    listen({ group } = {}) {
      if (stopping !== undefined) {
        throw new PantheonError(
          'orchestrator-stopped',
          'the orchestrator has been stopped; it does not listen',
        );
      }
      const { handle } = new Listener(kernel, mailboxes, group);
      const unsubscribe = deps.bus.subscribe(handle, group === undefined ? undefined : { group });
      subscriptions.add(unsubscribe);
      return () => {
        subscriptions.delete(unsubscribe);
        unsubscribe();
      };
    },

    async deliver(actorId, text) {
      const actor = await deps.state.get(actorId);
      if (actor === undefined) {
        throw new PantheonError(
          'actor-unknown',
          `there is no actor ${actorId}; spawn it before you deliver to it`,
        );
      }
      const input = { userMessage: text };
      assertInput(input);
      return mailboxes.submit({ actor, input, fresh: true, caller: undefined });
    },

    recover: () => recover(kernel, mailboxes),

    stop: ({ timeoutMs = 10_000 } = {}) => (stopping ??= stop(timeoutMs)),

    stats: () => ({
      ticks: { ...kernel.counts },
      running: mailboxes.running,
      waiting: mailboxes.waiting,
      loops: loops.size,
      turnsSkipped: kernel.turnsSkipped,
      messagesSent: kernel.messagesSent,
      deadLetters: kernel.deadLetters,
      lateResults: kernel.clockwork.lateResults,
      runningActors: mailboxes.runningActors,
    }),
  };
};
