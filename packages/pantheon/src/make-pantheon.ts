/** The composition root: settings become ports, ports become an orchestrator, and actors are put to work. */
import { randomUUID } from 'node:crypto';
import { PantheonError, makeOrchestrator } from '@promethean/pantheon-core';
import type {
  Actor,
  ActorRecord,
  Log,
  Orchestrator,
  OrchestratorDeps,
  StopReport,
} from '@promethean/pantheon-core';
import { readyOf } from './choice.ts';
import type { Choice, Made } from './choice.ts';
import { choosePorts, scriptsOf } from './choose-ports.ts';
import { idOf, requireConfig } from './config-schema.ts';
import type { PantheonConfig } from './config.ts';
import { employActor } from './employ-actor.ts';
import { withEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { keepRecovering } from './keep-recovering.ts';

/** The ports that a Pantheon works with: those that were given, and those that were made. */
export type PantheonPorts = Omit<OrchestratorDeps, 'observe'>;

/** Actors at work. Made by `makePantheon`. */
export interface Pantheon {
  readonly orchestrator: Orchestrator;
  readonly ports: PantheonPorts;
  /**
   * Opens the ports, indexes documents, makes the actors of the config or finds them again, takes up what the last process left
   * (ticks in the journal, loops and waits of spawned actors), listens to the bus, and starts loops. With leases, what other
   * processes leave is taken up every 30 seconds from then on.
   * Further calls get the same promise. When something fails, everything is stopped and closed.
   *
   * @throws Rejects with what failed, and with `closed` after `stop`.
   */
  readonly start: () => Promise<void>;
  /**
   * Stops the orchestrator as its own `stop` does, with its `timeoutMs` (default 10,000), then closes what `makePantheon` made,
   * last made first. Ports that were given stay open. Further calls get the same promise.
   */
  readonly stop: (options?: { readonly timeoutMs?: number }) => Promise<StopReport>;
  /** An actor as it is now. Rejects with `actor-unknown`. */
  readonly actor: (id: string) => Promise<ActorRecord>;
  /** The actors of the config as they are now, in its order; before `start`, those that the state knows already. */
  readonly actors: () => Promise<readonly ActorRecord[]>;
}

/** What a Pantheon finds around it. */
export interface MakePantheonOptions {
  /** Default `process.env`. */
  readonly env?: Environment | undefined;
}

const closed = (): PantheonError =>
  new PantheonError('closed', 'This Pantheon has been stopped; make a new one.');

/**
 * Makes actors ready to work. Synchronous; connects to nothing. A file of the context is opened here, and folders of files are made.
 *
 * Settings that are left out come from the environment (PANTHEON_STATE, PANTHEON_CONTEXT, PANTHEON_LLM, PANTHEON_LOG_LEVEL and the
 * OPENAI_ variables), then from the defaults.
 *
 * @throws PantheonError `option-invalid` for a wrong setting, with its path; what the making of a port throws, such as `file-unreadable`.
 */
export const makePantheon = (
  config: PantheonConfig = {},
  { env = process.env }: MakePantheonOptions = {},
): Pantheon => {
  const settings = withEnvironment(requireConfig(config, 'makePantheon'), env, {
    cwd: process.cwd(),
    replace: false,
  });
  const { now = Date.now, actors = [], group, observe } = settings;
  const choices = choosePorts(settings, env);
  const options = {
    // Counted ids can be alike in two processes that share a journal.
    newId: (actor: Actor) => `${actor.id}@${randomUUID()}`,
    ...settings.options,
    scripts: [...scriptsOf(settings), ...(settings.options?.scripts ?? [])],
  };
  /** In the order of their making. */
  const made: Made<unknown>[] = [];
  const make = <Port>(choice: Choice<Port>, log: Log): Port => {
    const one = choice.make({ log, now });
    made.push(one);
    return one.port;
  };
  const closePorts = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const { close } of made.toReversed())
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  const makeAll = (): { readonly ports: PantheonPorts; readonly orchestrator: Orchestrator } => {
    try {
      const log = make(choices.log, () => undefined);
      const ports: PantheonPorts = {
        now,
        log,
        state: make(choices.state, log),
        context: make(choices.context, log),
        journal: choices.journal && make(choices.journal, log),
        leases: choices.leases && make(choices.leases, log),
        tools: make(choices.tools, log),
        llm: make(choices.llm, log),
        bus: make(choices.bus, log),
        schedule: make(choices.schedule, log),
      };
      return { ports, orchestrator: makeOrchestrator({ ...ports, observe }, options) };
    } catch (error) {
      // What went wrong first is what the caller has to know.
      closePorts().catch(() => undefined);
      throw error;
    }
  };
  const { ports, orchestrator } = makeAll();
  const { state } = ports;

  const ending = new AbortController();
  const ended = new Promise<never>((_, reject) => {
    ending.signal.addEventListener('abort', () => reject(closed()), { once: true });
  });
  ended.catch(() => undefined);
  /** Waits no longer than until `stop`. */
  const orEnded = <Value>(work: Promise<Value>): Promise<Value> => Promise.race([work, ended]);

  // Of several processes, one that comes later must not take what another one is at; leases tell.
  const mayRecover = group === undefined || ports.leases !== undefined;
  const recover = async (): Promise<void> => void (await orchestrator.recover());
  let endRecovering = (): void => undefined;
  const begin = async (): Promise<void> => {
    for (const { open } of made) await orEnded(open(ending.signal));
    const employed: ActorRecord[] = [];
    for (const actor of actors) employed.push(await orEnded(employActor(state, actor)));
    if (mayRecover) {
      // What the last process left comes before what is new; how long it takes is not ours to wait for.
      await orEnded(recover());
      if (ports.leases !== undefined) endRecovering = keepRecovering(orchestrator, ports);
    } else if (ports.journal !== undefined) {
      ports.log('What an earlier process left is taken up only with a message that comes again', {
        group,
        error: 'leases: none; in a group, only they tell whether another process is at it',
      });
    }
    orchestrator.listen(group === undefined ? undefined : { group });
    // The bus of a server is ready again when the server knows who takes the messages.
    await orEnded(readyOf(ports.bus));
    for (const [index, { script, loopMs = script.loop?.intervalMs }] of actors.entries()) {
      if (loopMs !== undefined) orchestrator.startActorLoop(employed[index]!, loopMs);
    }
  };

  let starting: Promise<void> | undefined;
  let closing: Promise<StopReport> | undefined;
  let stopping: Promise<StopReport> | undefined;
  const shutDown = (options?: { readonly timeoutMs?: number }): Promise<StopReport> =>
    (closing ??= (async () => {
      endRecovering();
      const report = await orchestrator.stop(options);
      await closePorts();
      return report;
    })());
  const startOnce = async (): Promise<void> => {
    try {
      await begin();
    } catch (error) {
      await shutDown({ timeoutMs: 0 }).catch(() => undefined);
      throw error;
    }
  };

  return {
    orchestrator,
    ports,
    start: async () => {
      if (ending.signal.aborted) throw closed();
      starting ??= startOnce();
      return starting;
    },
    stop: (options) => {
      stopping ??= (async () => {
        ending.abort();
        await starting?.catch(() => undefined);
        return shutDown(options);
      })();
      return stopping;
    },
    actor: async (id) => {
      const actor = await state.get(id);
      if (actor !== undefined) return actor;
      throw new PantheonError(
        'actor-unknown',
        `there is no actor ${id}; those of the config are there after start()`,
      );
    },
    actors: async () => {
      const known = await Promise.all(actors.map((actor) => state.get(idOf(actor))));
      return known.filter((actor) => actor !== undefined);
    },
  };
};
