/** A tick as Redis has it: members of a hash. */
import type {
  JsonValue,
  RecordedStep,
  RecordedTick,
  TickStatus,
  UnfinishedTick,
} from '@promethean/pantheon-core';

/** The members of a hash. */
export type Members = ReadonlyMap<string, string>;

const STEP = 's:';

/** The member of a step. The head's members do not begin like it. */
export const stepMember = (name: string): string => STEP + name;

/** The members out of an answer: names and values in turn. */
export const readMembers = (answer: readonly string[]): Members => {
  const members = new Map<string, string>();
  for (let at = 0; at < answer.length; at += 2)
    members.set(answer[at] as string, answer[at + 1] as string);
  return members;
};

interface StoredStep {
  readonly place: number;
  readonly recordedAt: number;
  /** JSON. */
  readonly text: string;
}

/** Reads `<place>:<milliseconds>:<JSON>`. */
export const readStep = (stored: string): StoredStep => {
  const first = stored.indexOf(':');
  const second = stored.indexOf(':', first + 1);
  return {
    place: Number(stored.slice(0, first)),
    recordedAt: Number(stored.slice(first + 1, second)),
    text: stored.slice(second + 1),
  };
};

const stepsOf = (members: Members): readonly (readonly [name: string, step: StoredStep])[] =>
  [...members]
    .filter(([member]) => member.startsWith(STEP))
    .map(([member, stored]) => [member.slice(STEP.length), readStep(stored)]);

/** The recorded steps by name, as JSON texts. */
export const stepTexts = (members: Members): ReadonlyMap<string, string> =>
  new Map(stepsOf(members).map(([name, { text }]) => [name, text]));

/** Undefined for a tick that was never completed, and for one whose completion was taken back: its status is empty. */
export const statusOf = (members: Members): TickStatus | undefined =>
  (members.get('status') || undefined) as TickStatus | undefined;

export const headOf = (members: Members): UnfinishedTick => {
  const [cause, input] = [members.get('cause'), members.get('input')];
  return {
    tickId: members.get('id') as string,
    actorId: members.get('actor') as string,
    ...(cause !== undefined && { cause }),
    ...(input !== undefined && { input: JSON.parse(input) as JsonValue }),
    attempt: Number(members.get('attempt')),
    openedAt: Number(members.get('opened')),
  };
};

export const recordedOf = (members: Members): RecordedTick => {
  const completed = members.get('completed');
  return {
    ...headOf(members),
    status: statusOf(members),
    completedAt: completed ? Number(completed) : undefined,
    steps: stepsOf(members)
      .toSorted(([, a], [, b]) => a.place - b.place)
      .map(([name, { text, recordedAt }]): RecordedStep => ({
        name,
        value: JSON.parse(text) as JsonValue,
        recordedAt,
      })),
  };
};
