/** What a tick does by way of its journal: plans and actions are steps, answered from the record where they were recorded. */
import { ApprovalGate, ApprovalPending } from './approvals.ts';
import { PantheonError, errorInfo, errorMessage } from './errors.ts';
import type { ErrorCode, ErrorInfo } from './errors.ts';
import type { Origin } from './forking.ts';
import type { Kernel } from './kernel.ts';
import type { TickRecord } from './ports.ts';
import { pack, unpack } from './recorded-json.ts';
import type {
  Action,
  Actor,
  ActorScript,
  BusMessage,
  JsonValue,
  Plan,
  SpawnAction,
  TickInput,
  TickStatus,
} from './types.ts';

/** What a step came to. */
type Recorded = { readonly value: unknown } | { readonly error: ErrorInfo };

const isSame = (a: JsonValue, b: JsonValue): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

/** What becomes of an action whose outcome is unknown; `harmless`: it may be executed any number of times. */
export type OnUnknown = 'harmless' | 'retry' | 'fail';

/** Errors after which nobody knows whether an action had its effect. */
const UNKNOWN: readonly ErrorCode[] = ['timeout', 'outcome-unknown'];

/** Ends after which a tick that is opened again tries again what failed: somebody delivered its message once more. */
const RETRIED: readonly TickStatus[] = ['failed', 'timeout', 'cancelled', 'budget'];

/** Whether a tick that was completed like this is done for good. */
export const isDone = (status: TickStatus | undefined): status is TickStatus =>
  status !== undefined && !RETRIED.includes(status);

/** What is needed to finish a tick in another process. */
export const inputToRecord = (input: TickInput | undefined): JsonValue =>
  pack({ userMessage: input?.userMessage, message: input?.message });

/** The input of a tick that another process has left. */
export const recordedInput = (input: JsonValue | undefined): TickInput | undefined => {
  const { userMessage, message } = (unpack(input) ?? {}) as {
    readonly userMessage?: string;
    readonly message?: BusMessage;
  };
  return userMessage === undefined && message === undefined ? undefined : { userMessage, message };
};

const NOTHING: unique symbol = Symbol('nothing');

/**
 * The record of a tick that ends when its journal fails. Going on, it would do what nobody remembers, and call done what it could not do.
 * `failed` hears what the journal failed with, and returns what the step rejects with instead.
 */
export const watched = (record: TickRecord, failed: (error: unknown) => unknown): TickRecord => {
  const step: TickRecord['step'] = async (name, run) => {
    let thrown: unknown = NOTHING;
    try {
      return await record.step(name, async () => {
        try {
          return await run();
        } catch (error) {
          thrown = error;
          throw error;
        }
      });
    } catch (error) {
      // What cannot be recorded is the fault of whoever planned it.
      if (error === thrown || PantheonError.is(error, 'journal-invalid')) throw error;
      throw failed(error);
    }
  };
  const { tickId, attempt, status } = record;
  return { tickId, attempt, status, step, complete: (end) => record.complete(end) };
};

const isSpawn = (action: Action): action is SpawnAction => action?.type === 'spawn';

/** By what a script is found again: it has functions, which cannot be recorded. */
const titleOf = ({
  name,
  version,
}: ActorScript): { readonly name: string; readonly version?: string } =>
  version === undefined ? { name } : { name, version };

const keyOf = ({ name, version }: Pick<ActorScript, 'name' | 'version'>): string =>
  JSON.stringify([name, version]);

/** How an action is executed with a journal. */
export interface ActionSteps {
  readonly unknown: OnUnknown;
  readonly approve: ((attempt: number) => Promise<void>) | undefined;
  readonly execute: (isRepeated: boolean) => Promise<unknown>;
}

/** One tick and its journal. */
export class Journaled {
  /** With a journal that can be read. */
  readonly gate: ApprovalGate | undefined;
  readonly #record: TickRecord;
  readonly #kernel: Kernel;
  readonly #script: ActorScript;
  /** Whether the tick was given up: what ended because of that has not come to an end of its own. */
  readonly #isGivenUp: () => boolean;
  /** Of a fork: what it began as. */
  readonly #origin: Origin | undefined;

  constructor(
    record: TickRecord,
    kernel: Kernel,
    { id, script }: Actor,
    isGivenUp: () => boolean,
    origin: Origin | undefined,
  ) {
    this.gate =
      kernel.deps.journal?.read === undefined ? undefined : new ApprovalGate(kernel, record, id);
    this.#origin = origin;
    this.#record = record;
    this.#kernel = kernel;
    this.#script = script;
    this.#isGivenUp = isGivenUp;
  }

  /** The plan of one round: made once, whatever happens to the process. */
  plan(key: string, make: () => Promise<Plan>): Promise<Plan> {
    const encode = (plan: Plan): unknown => {
      try {
        const plain = { ...plan, actions: plan.actions.map((action) => this.#encode(action)) };
        return JSON.parse(JSON.stringify(plain));
      } catch (error) {
        throw new PantheonError(
          'plan-invalid',
          `the plan cannot be recorded in the journal: ${errorMessage(error)}; plan plain data only`,
          { cause: error },
        );
      }
    };
    const decode = (recorded: unknown): Plan => {
      const plan = recorded as Plan;
      return { ...plan, actions: plan.actions.map((action) => this.#decode(action)) };
    };
    return this.#attempt(`plan ${key}`, make, encode, decode);
  }

  /**
   * One action: executed once, whatever happens to the process, unless nobody can know whether it was. A call of a tool with effects
   * is announced to the record first; one that was announced by a process that ended is made again only where `unknown` says `retry`.
   * `approve` comes before all of it: an action for which it throws `ApprovalPending` is not recorded.
   */
  action(
    key: string,
    action: Action,
    { unknown, approve, execute }: ActionSteps,
  ): Promise<unknown> {
    const encode = (value: unknown): unknown => {
      try {
        const plain = isSpawn(action)
          ? { ...(value as Actor), script: titleOf(action.actor) }
          : value;
        return JSON.parse(JSON.stringify(plain) ?? 'null');
      } catch (error) {
        this.#kernel.log(`The value of ${key} cannot be recorded`, { error: errorMessage(error) });
        return null;
      }
    };
    const decode = (value: unknown): unknown =>
      isSpawn(action) ? { ...(value as object), script: action.actor } : (value ?? undefined);
    const announced = async (attempt: number): Promise<unknown> => {
      // Announced and then not made, the call would be unknown to the next process.
      if (this.#isGivenUp()) throw new PantheonError('tick-cancelled', 'the tick was given up');
      let isNew = false;
      const own = `${this.#record.attempt} ${this.#kernel.identity}`;
      const announcer = await this.#record.step(`intent ${key} #${attempt}`, () => {
        isNew = true;
        return own;
      });
      // Two processes can announce at once; the one whose announcement holds makes the call.
      isNew &&= announcer === own;
      if (isNew || unknown === 'retry') return execute(!isNew);
      throw new PantheonError(
        'outcome-unknown',
        `the process ended during ${key}; nobody can know whether it had its effect, and its tool is not to be called again (onUnknown)`,
      );
    };
    const run = unknown === 'harmless' ? () => execute(false) : announced;
    const approved = async (attempt: number): Promise<unknown> => {
      await approve?.(attempt);
      return run(attempt);
    };
    const gated = approve === undefined ? run : approved;
    const execution = (): Promise<unknown> =>
      this.#attempt(
        `action ${key}`,
        gated,
        encode,
        decode,
        (code) => unknown === 'fail' && UNKNOWN.includes(code),
      );
    const answer = this.#origin?.answer(key, this.#encode(action));
    return answer === undefined
      ? execution()
      : this.#record.step(`action ${key} #1`, () => answer).then(execution);
  }

  /** Something that is done once, however often the tick is opened. */
  async once(name: string, run: () => Promise<void>): Promise<void> {
    await this.#record.step(name, async () => {
      await run();
      return null;
    });
  }

  complete(status: TickStatus): Promise<void> {
    return this.#record.complete(status);
  }

  /**
   * A step that may fail. Each time that the tick is opened it has one attempt more; an earlier one that failed is recorded and not
   * made again, one that succeeded ends the search, and one that is not recorded is made now. An error that is final ends it as well.
   */
  async #attempt<T>(
    name: string,
    run: (attempt: number) => Promise<T>,
    encode: (value: T) => unknown,
    decode: (value: unknown) => T,
    isFinal: (code: ErrorCode) => boolean = () => false,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      let made: { readonly value: T } | { readonly failure: unknown } | undefined;
      let own: JsonValue | undefined;
      const packed = await this.#record.step(`${name} #${attempt}`, async () => {
        try {
          const value = await run(attempt);
          own = pack({ value: encode(value) });
          made = { value };
        } catch (failure) {
          if (failure instanceof ApprovalPending || this.#isGivenUp()) throw failure;
          own = pack({ error: errorInfo(failure) });
          made = { failure };
        }
        return own;
      });
      // Another process may have been first; then what it recorded holds, here as well.
      if (made !== undefined && own !== undefined && isSame(packed, own)) {
        if ('value' in made) return made.value;
        throw made.failure;
      }
      const recorded = unpack(packed) as Recorded;
      if (!('error' in recorded)) return decode(recorded.value);
      if (attempt === this.#record.attempt || isFinal(recorded.error.code)) {
        const { code, message, retryable } = recorded.error;
        throw new PantheonError(code, message, { retryable });
      }
    }
  }

  #encode(action: Action): unknown {
    return isSpawn(action) ? { ...action, actor: titleOf(action.actor) } : action;
  }

  #decode(action: Action): Action {
    if (!isSpawn(action)) return action;
    const wanted = keyOf(action.actor);
    const known = [this.#script, ...this.#kernel.settings.scripts];
    const script = known.find((one) => keyOf(one) === wanted);
    if (script !== undefined) return { ...action, actor: script };
    throw new PantheonError(
      'script-unknown',
      `the script ${action.actor.name} of a recorded plan is not among the orchestrator's option "scripts"; add it there`,
    );
  }
}
