/** Forks: a new tick that begins as a recorded one did, and goes its own way from there. */
import { requireReadable } from './approvals.ts';
import { PantheonError } from './errors.ts';
import type { IJournalPort, RecordedTick, TickRecord } from './ports.ts';
import { canonicalJson, peek, unpack } from './recorded-json.ts';
import type { ActorScript, JsonValue } from './types.ts';

/** How to fork a tick. */
export interface ForkOptions {
  /**
   * How many of the recorded steps the new tick takes over, in the order of the record: their plans are not made and their actions not
   * executed again. Default: all of them.
   */
  readonly steps?: number | undefined;
  /** What the actor follows in the new tick. Default: its own script. */
  readonly script?: ActorScript | undefined;
}

/** What a plan and an action leave in the record. Intents and approvals are of the one tick that they were made for. */
const OUTCOME = /^(plan|action) (\S+) #\d+$/;

/** A recorded tick as the beginning of another. */
export class Origin {
  readonly #tick: RecordedTick;
  readonly #steps: number;
  /** The last outcome of each plan and action, by `plan 0/0` and `action 0/0/0`. */
  readonly #outcomes = new Map<string, JsonValue>();
  #differs = false;

  constructor(tick: RecordedTick, steps: number) {
    this.#tick = tick;
    this.#steps = steps;
    for (const [name, value] of outcomesOf(tick.steps)) this.#outcomes.set(name, value);
  }

  /** Records in the new tick what it takes over. */
  async takeOver(record: TickRecord): Promise<void> {
    await record.step('fork', () => ({ of: this.#tick.tickId, steps: this.#steps }));
    for (const [name, value] of outcomesOf(this.#tick.steps.slice(0, this.#steps)))
      await record.step(`${name} #1`, () => value);
  }

  /**
   * The recorded outcome of an action, while everything is as it was: the same action at the same place, and so was each before it.
   * From the first difference on, nothing is answered any more.
   */
  answer(key: string, action: unknown): JsonValue | undefined {
    const [, place, position] = /^(.+)\/(\d+)$/.exec(key) ?? [];
    const planned = unpack(this.#outcomes.get(`plan ${place}`)) as
      | { readonly value?: { readonly actions: readonly unknown[] } }
      | undefined;
    const outcome = this.#outcomes.get(`action ${key}`);
    const original = planned?.value?.actions[Number(position)];
    this.#differs ||= outcome === undefined || canonicalJson(original) !== canonicalJson(action);
    return this.#differs ? undefined : outcome;
  }
}

const outcomesOf = (steps: RecordedTick['steps']): ReadonlyMap<string, JsonValue> => {
  const outcomes = new Map<string, JsonValue>();
  for (const { name, value } of steps) {
    const [, kind, key] = OUTCOME.exec(name) ?? [];
    if (kind !== undefined) outcomes.set(`${kind} ${key}`, value);
  }
  return outcomes;
};

/** The tick that is to be forked. */
export const readOrigin = async (
  journal: IJournalPort | undefined,
  tickId: string,
  steps?: number,
): Promise<{ readonly tick: RecordedTick; readonly origin: Origin }> => {
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= 0))
    throw new PantheonError('option-invalid', 'steps must be an integer of at least 0');
  const tick = await requireReadable(journal, 'a fork needs').read(tickId);
  if (tick === undefined)
    throw new PantheonError(
      'tick-unknown',
      `the journal has no tick ${tickId}; finished ones are forgotten in time`,
    );
  return { tick, origin: new Origin(tick, Math.min(steps ?? Infinity, tick.steps.length)) };
};

/** Of a fork that an earlier process has begun: what it came from. */
export const originOf = async (
  journal: IJournalPort,
  record: TickRecord,
): Promise<Origin | undefined> => {
  const fork = (await peek(record, 'fork')) as
    | { readonly of: string; readonly steps: number }
    | undefined;
  const tick = fork && (await journal.read?.(fork.of));
  return fork && tick && new Origin(tick, fork.steps);
};
