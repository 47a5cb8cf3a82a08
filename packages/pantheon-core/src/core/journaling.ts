/** What a tick does by way of its journal: plans and actions are steps, answered from the record where they were recorded. */
import { PantheonError, errorInfo, errorMessage } from './errors.ts';
import type { ErrorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { TickRecord } from './ports.ts';
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

/** Ends after which a tick that is opened again tries again what failed: somebody delivered its message once more. */
const RETRIED: readonly TickStatus[] = ['failed', 'timeout', 'cancelled'];

/** Whether a tick that was completed like this is done for good. */
export const isDone = (status: TickStatus | undefined): status is TickStatus =>
  status !== undefined && !RETRIED.includes(status);

/** Levels that are left to whatever a journal puts around a value. */
const MAX_DEPTH = 60;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)));

/**
 * What a journal can keep of a value. JSON leaves out functions and the like; they are not there when the tick is finished elsewhere.
 * What not every store takes (U+0000, half a surrogate pair, deep nesting) goes in as the text of its JSON, where it is escaped.
 */
const pack = (value: unknown): JsonValue => {
  const json = JSON.stringify(value);
  if (json === undefined) return null;
  const plain = JSON.parse(json) as JsonValue;
  return /\\u(?:0000|d[89a-f])/i.test(json) || isDeeper(plain, MAX_DEPTH) ? { json } : plain;
};

const unpack = (packed: JsonValue | undefined): unknown => {
  const { json } = (packed ?? {}) as { readonly json?: unknown };
  return typeof json === 'string' ? JSON.parse(json) : packed;
};

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

const isSpawn = (action: Action): action is SpawnAction => action?.type === 'spawn';

/** By what a script is found again: it has functions, which cannot be recorded. */
const titleOf = ({
  name,
  version,
}: ActorScript): { readonly name: string; readonly version?: string } =>
  version === undefined ? { name } : { name, version };

const keyOf = ({ name, version }: Pick<ActorScript, 'name' | 'version'>): string =>
  JSON.stringify([name, version]);

/** One tick and its journal. */
export class Journaled {
  readonly #record: TickRecord;
  readonly #kernel: Kernel;
  readonly #script: ActorScript;
  /** Whether the tick was given up: what ended because of that has not come to an end of its own. */
  readonly #isGivenUp: () => boolean;

  constructor(record: TickRecord, kernel: Kernel, script: ActorScript, isGivenUp: () => boolean) {
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
   */
  action(
    key: string,
    action: Action,
    unknown: OnUnknown,
    execute: (isRepeated: boolean) => Promise<unknown>,
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
      let isNew = false;
      await this.#record.step(`intent ${key} #${attempt}`, () => {
        isNew = true;
        return null;
      });
      if (isNew || unknown === 'retry') return execute(!isNew);
      throw new PantheonError(
        'outcome-unknown',
        `the process ended during ${key}; nobody can know whether it had its effect, and its tool is not to be called again (onUnknown)`,
      );
    };
    const run = unknown === 'harmless' ? () => execute(false) : announced;
    return this.#attempt(`action ${key}`, run, encode, decode);
  }

  complete(status: TickStatus): Promise<void> {
    return this.#record.complete(status);
  }

  /**
   * A step that may fail. Each time that the tick is opened it has one attempt more; an earlier one that failed is recorded and not
   * made again, one that succeeded ends the search, and one that is not recorded is made now.
   */
  async #attempt<T>(
    name: string,
    run: (attempt: number) => Promise<T>,
    encode: (value: T) => unknown,
    decode: (value: unknown) => T,
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
          if (this.#isGivenUp()) throw failure;
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
      if (attempt === this.#record.attempt) {
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
