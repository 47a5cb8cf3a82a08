/** The orchestrator: puts the parts together. Each part is a file of its own; this one only connects them. */
import { Actions } from './actions.ts';
import { makeApprovals } from './approvals.ts';
import type { Approvals } from './approvals.ts';
import { Drive } from './drive.ts';
import type { Course } from './drive.ts';
import { PantheonError } from './errors.ts';
import { readOrigin } from './forking.ts';
import type { ForkOptions } from './forking.ts';
import { assertAction, assertActor, assertInput } from './guards.ts';
import { recordedInput } from './journaling.ts';
import { Kernel } from './kernel.ts';
import type { OrchestratorDeps, OrchestratorOptions, OrchestratorStats } from './kernel.ts';
import type { Budgets } from './ledger.ts';
import { lineageOf } from './limits.ts';
import { Listener } from './listening.ts';
import type { ListenOptions } from './listening.ts';
import { Loops } from './loops.ts';
import { Mailboxes } from './mailbox.ts';
import { recover } from './recovery.ts';
import type { Recovery } from './recovery.ts';
import { Supervisor } from './supervision.ts';
import { Suspensions } from './suspensions.ts';
import { isThenable } from './thenable.ts';
import type { Action, Actor, TickInput, TickReport } from './types.ts';
import { Waits } from './waits.ts';

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
   * Takes up what a process has left: finishes the ticks that are unfinished in the journal, where there is one (what was recorded is
   * not done again), starts the loops of spawned actors, arms what actors wait for, and stops those whose parent has ended.
   * Resolves when each tick stands at the head of its actor's mailbox; `ended` tells what became of them. To be called at the start and
   * before `listen`. With leases any process may call it, at any time and again and again: what another process is at, it leaves alone.
   * Without leases it is for the only process that runs these actors. A tick whose actor is gone or has ended is closed; one whose
   * actor is paused, or that waits for an approval, stays; one that was begun ten times and has never ended is set aside as
   * `deliveries-exceeded`. Rejects with what the journal or the state port rejects with.
   */
  readonly recover: () => Promise<Recovery>;
  /**
   * Runs a new tick that begins as a recorded one did: with its input, and with its first `steps` steps taken over. From there plans are
   * made anew, by the given script; actions are answered from the record until the first one that differs, and executed from then on. Its
   * message is not acknowledged by it, and its approvals are its own. Rejects with `tick-unknown`, `actor-unknown`, `capability-missing` (a journal
   * that cannot be read), `option-invalid`, and like `tickActor`.
   */
  readonly fork: (tickId: string, options?: ForkOptions) => Promise<TickReport>;
  /** The calls that wait for somebody outside of the model, and their answers. */
  readonly approvals: Approvals;
  /** What was spent of the actors' budgets. */
  readonly budgets: Budgets;
  readonly stats: () => OrchestratorStats;
}

/** How long a stop waits for leases to be given back. */
const LAST_RELEASES_MS = 500;

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
    wakeAfter: (actor, delayMs, actionId) => waits.after(actor, delayMs, actionId),
    suspended: (actor, tickId, expiresAt) => suspensions.add(actor, tickId, expiresAt),
  });
  const mailboxes = new Mailboxes(kernel, actions, supervisor);
  const loops = new Loops(kernel, mailboxes, supervisor);
  const waits = new Waits(kernel, mailboxes);
  const suspensions = new Suspensions(kernel, mailboxes);
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
      isApproved: false,
      fence: undefined,
    };
    const value = actions.execute(action, actor, call);
    return isThenable(value) ? yield value : value;
  }

  const stop = async (timeoutMs: number): Promise<StopReport> => {
    kernel.isStopping = true;
    loops.stop();
    suspensions.stop();
    waits.stop();
    for (const unsubscribe of subscriptions) unsubscribe();
    subscriptions.clear();
    const aborted = await mailboxes.stop(timeoutMs);
    // Other processes need not wait for the end of their terms; nor does this one wait for a store that does not answer.
    if (kernel.releases.size > 0)
      await new Promise<void>((resolve) => {
        const cancel = deps.schedule.once(LAST_RELEASES_MS, resolve);
        void Promise.all(kernel.releases.values()).then(() => {
          cancel?.();
          resolve();
        });
      });
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

    recover: () => recover({ kernel, supervisor, suspensions, loops, waits }),

    async fork(tickId, { steps, script } = {}) {
      const { tick, origin } = await readOrigin(deps.journal, tickId, steps);
      const actor = await suspensions.requireActor(tick);
      const forked = script === undefined ? actor : { ...actor, script };
      assertActor(forked);
      const input = recordedInput(tick.input);
      return mailboxes.submit({ actor: forked, input, fresh: false, origin, caller: undefined });
    },

    approvals: makeApprovals(kernel, (tick) => suspensions.decided(tick)),

    budgets: {
      get: (actorId) => kernel.ledger.report(actorId),
      reset: (actorId, resources) => kernel.ledger.reset(actorId, resources),
    },

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
