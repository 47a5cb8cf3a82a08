/** Opening a tick in the journal: a new one, one that goes on, one that comes again, a fork. */
import { originOf } from './forking.ts';
import type { Origin } from './forking.ts';
import { inputToRecord, isDone } from './journaling.ts';
import type { Kernel } from './kernel.ts';
import type { IJournalPort, TickRecord } from './ports.ts';
import type { Actor, TickInput, TickStatus } from './types.ts';

/** A tick that is asked for. */
export interface TickRequest {
  readonly actor: Actor;
  readonly input: TickInput | undefined;
  /** Whether the actor has just been read from the state port. */
  readonly fresh: boolean;
  /** The tick that the journal has, and that is to go on. */
  readonly resumed?: Resumed;
  /** The recorded tick that this one begins as. */
  readonly origin?: Origin;
  /** `false`: rather than wait for another process that has the actor, reject with `actor-busy`. Default `true`. */
  readonly patient?: boolean;
  /** What the tick is about where it is no message, such that the same cause means the same tick. */
  readonly cause?: string | undefined;
  /** The tick that asks, where the asking happens inside of one. */
  readonly caller: Kernel['inside'];
}

/** A tick that is in the journal already. */
interface Resumed {
  readonly tickId: string;
  readonly cause: string | undefined;
  /** Whether it goes on with its latest attempt: it was suspended, it has not failed. */
  readonly isContinued: boolean;
}

/** What the journal has of a tick that begins. */
export interface Opened {
  readonly record: TickRecord;
  readonly origin: Origin | undefined;
  /** How the tick ended, where it is finished. */
  readonly ended: TickStatus | undefined;
}

/** What makes this the same tick when it comes again. A fork is a tick of its own, whatever message the first one had. */
const causeOf = ({ resumed, origin, cause, input }: TickRequest): string | undefined => {
  if (resumed !== undefined) return resumed.cause;
  return origin === undefined ? (input?.message?.id ?? cause) : undefined;
};

/** A tick that failed comes again with its message, not because a process found it unfinished. */
const endOf = (status: TickStatus | undefined, { resumed }: TickRequest): TickStatus | undefined =>
  isDone(status) || resumed !== undefined ? status : undefined;

/** `isGivenUp` tells whether the tick was given up for good while it was being opened. */
export const openTick = async (
  journal: IJournalPort,
  newId: string,
  request: TickRequest,
  isGivenUp: () => boolean,
): Promise<Opened> => {
  const { actor, input, resumed, origin } = request;
  const record = await journal.open(
    { tickId: newId, actorId: actor.id, cause: causeOf(request), input: inputToRecord(input) },
    resumed?.isContinued === true ? { resume: true } : undefined,
  );
  const ended = endOf(record.status, request);
  if (isGivenUp() && ended === undefined) await record.complete('cancelled');
  else if (origin !== undefined) await origin.takeOver(record);
  // Its message has come again after it failed: from here on it is as unfinished as any other.
  else if (record.status !== undefined && ended === undefined) await record.complete(undefined);
  // A fork that an earlier process has begun.
  const began = resumed === undefined ? origin : await originOf(journal, record);
  return { record, origin: began, ended };
};
