import { PantheonError } from '../core/errors.ts';
import type { JournalTick, TickRecord } from '../core/ports.ts';
import type { JsonValue, TickStatus } from '../core/types.ts';
import { copyJson } from './plain-data.ts';
import { nameProblem } from '../core/text.ts';

const refuse = (path: string, problem: string): never => {
  throw new PantheonError('journal-invalid', `${path} ${problem}; a journal keeps JSON only`);
};

/** The text of a value that is to be recorded. Throws `journal-invalid` with the path of what is no JSON. */
const textOf = (value: unknown, path: string): string =>
  JSON.stringify(copyJson(value, path, refuse));

/** The text of a tick's input, where it has one. Throws `journal-invalid`. */
export const inputText = ({ input }: JournalTick): string | undefined =>
  input === undefined ? undefined : textOf(input, 'tick.input');

/** Refuses what cannot be a key in every journal. Throws `journal-invalid`. */
export const requireTick = ({ tickId, actorId, cause }: JournalTick): void => {
  for (const [member, value] of Object.entries({ tickId, actorId, cause })) {
    const problem = value === undefined && member === 'cause' ? undefined : nameProblem(value);
    if (problem !== undefined)
      throw new PantheonError('journal-invalid', `tick.${member} ${problem}.`);
  }
};

/** The error of opening a tick whose id belongs to another one. */
export const tickConflict = (tickId: string): PantheonError =>
  new PantheonError(
    'journal-conflict',
    `the tick ${tickId} exists with another actor or cause; give every tick an id of its own (newId)`,
    { details: { tickId } },
  );

/** What a journal does for one tick that it has opened. */
export interface TickStore {
  /** The steps that were recorded before, by name, as JSON texts. */
  readonly known: ReadonlyMap<string, string>;
  /** Records a step, and resolves to the text that is recorded: another one where somebody else was first. */
  readonly write: (name: string, text: string) => Promise<string>;
  readonly complete: (status: TickStatus | undefined) => Promise<void>;
}

/** The record of a tick on a store: what all journals have in common. */
export const makeTickRecord = (
  { tickId, attempt, status }: Pick<TickRecord, 'tickId' | 'attempt' | 'status'>,
  { known, write, complete }: TickStore,
): TickRecord => {
  const texts = new Map(known);
  const running = new Map<string, Promise<JsonValue>>();

  const make = async (name: string, run: () => unknown): Promise<JsonValue> => {
    const value = await run();
    const text = textOf(value, `the value of the step ${name}`);
    const recorded = await write(name, text);
    texts.set(name, recorded);
    return recorded === text ? (value as JsonValue) : (JSON.parse(recorded) as JsonValue);
  };

  const step = (name: string, run: () => unknown): Promise<JsonValue> => {
    const text = texts.get(name);
    if (text !== undefined) return Promise.resolve(JSON.parse(text) as JsonValue);
    let made = running.get(name);
    if (made === undefined) {
      made = make(name, run).finally(() => running.delete(name));
      running.set(name, made);
    }
    return made;
  };

  return { tickId, attempt, status, step: step as TickRecord['step'], complete };
};
