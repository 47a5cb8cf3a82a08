import { PantheonError } from '../core/errors.ts';
import type { Timers } from '../core/ports.ts';
import type { BusMessage } from '../core/types.ts';
import { retryDelay } from '../adapter/retry-delay.ts';
import { type Group, Groups, type Lane, type Member } from './groups.ts';
import { isThenable } from '../core/thenable.ts';

/** What the delivery to groups needs from the bus. */
export interface GroupDeliveryOptions {
  readonly timers: Timers;
  readonly maxDeliveries: number;
  readonly retryDelayMs: number;
  readonly capacity: number;
  /** Gives a lane its turn: the bus calls `handle` with it. */
  readonly enqueue: (lane: Lane) => void;
  /** A delivery failed. */
  readonly onFailure: (message: BusMessage, error: unknown) => void;
  /** A message is given up. */
  readonly onDead: (message: BusMessage, error: unknown, attempts: number, group: string) => void;
  /** No lane is busy any more. */
  readonly onIdle: () => void;
}

/** Hands messages to groups: one at a time for each recipient, again after a failure. */
export interface GroupDelivery {
  readonly groups: Groups;
  /** Whether no message is waiting for anything but a member. */
  readonly isIdle: () => boolean;
  /** The groups that take a message to this recipient. Throws `bus-full` when one has no room. */
  readonly takersOf: (recipient: string) => readonly Group[];
  readonly join: (name: string, member: Member) => () => void;
  /** Accepts a message for a group. */
  readonly hand: (group: Group, message: BusMessage) => void;
  /** Delivers a lane's first message. */
  readonly handle: (lane: Lane) => void;
  /** Repeats what waits for its retry now, and what fails from now on without a pause. */
  readonly hurry: () => void;
  /** Gives up what was not handled, and returns it. */
  readonly abandon: () => readonly BusMessage[];
}

const NOBODY: readonly Group[] = [];

/** A message waits 1, 5, 30 and 120 times `retryDelayMs` between its deliveries; meanwhile those after it to the same recipient wait. */
export const makeGroupDelivery = (options: GroupDeliveryOptions): GroupDelivery => {
  const { timers, maxDeliveries, retryDelayMs, capacity, onFailure, onDead, onIdle } = options;
  const groups = new Groups();
  /** Lanes whose messages somebody can take. */
  let busyLanes = 0;
  let isHurrying = false;

  const enqueue = (lane: Lane): void => {
    lane.state = 'queued';
    lane.timer = undefined;
    options.enqueue(lane);
  };

  const rest = (lane: Lane, state: 'idle' | 'stranded'): void => {
    lane.state = state;
    busyLanes -= 1;
    if (busyLanes === 0) onIdle();
  };

  const acknowledge = (lane: Lane, message: BusMessage): void => {
    if (lane.waiting.first !== message) return; // Abandoned meanwhile.
    lane.waiting.shift();
    lane.attempts = 0;
    if (lane.waiting.length > 0) return enqueue(lane);
    lane.group.lanes.delete(lane.recipient);
    groups.forgetIfEmpty(lane.group);
    rest(lane, 'idle');
  };

  const retry = (lane: Lane, message: BusMessage, error: unknown): void => {
    if (lane.waiting.first !== message) return; // Abandoned meanwhile.
    lane.attempts += 1;
    onFailure(message, error);
    const isTerminal = PantheonError.is(error) && !error.retryable;
    if (isTerminal || lane.attempts >= maxDeliveries) {
      onDead(message, error, lane.attempts, lane.group.name);
      return acknowledge(lane, message);
    }
    if (isHurrying) return enqueue(lane);
    lane.state = 'pausing';
    lane.timer = timers.set(() => enqueue(lane), retryDelay(lane.attempts, retryDelayMs));
  };

  const lanes = (): readonly Lane[] => groups.lanes();

  return {
    groups,
    isIdle: () => busyLanes === 0,

    takersOf: (recipient) => {
      if (groups.isEmpty) return NOBODY;
      const takers = groups.takersOf(recipient);
      for (const group of takers) {
        if ((group.lanes.get(recipient)?.waiting.length ?? 0) < capacity) continue;
        throw new PantheonError(
          'bus-full',
          `The group "${group.name}" holds ${capacity} messages to "${recipient}" already; send again later.`,
          { retryable: true, details: { group: group.name, to: recipient, capacity } },
        );
      }
      return takers;
    },

    join: (name, member) => {
      const group = groups.join(name, member);
      for (const lane of group.lanes.values()) {
        if (lane.state !== 'stranded' || !group.takes(lane.recipient)) continue;
        busyLanes += 1;
        enqueue(lane);
      }
      return () => groups.leave(group, member);
    },

    hand: (group, message) => {
      const lane = group.lane(message.to);
      lane.waiting.push(message);
      if (lane.state !== 'idle') return;
      busyLanes += 1;
      enqueue(lane);
    },

    handle: (lane) => {
      const message = lane.waiting.first;
      if (message === undefined) return; // Abandoned meanwhile.
      const member = lane.group.pick(lane.recipient);
      if (member === undefined) return rest(lane, 'stranded');
      lane.state = 'handling';
      let result: unknown;
      try {
        result = member.handler(message);
      } catch (error) {
        return retry(lane, message, error);
      }
      if (!isThenable(result)) return acknowledge(lane, message);
      Promise.resolve(result).then(
        () => acknowledge(lane, message),
        (error: unknown) => retry(lane, message, error),
      );
    },

    hurry: () => {
      isHurrying = true;
      for (const lane of lanes()) {
        if (lane.state !== 'pausing') continue;
        timers.clear(lane.timer);
        enqueue(lane);
      }
    },

    abandon: () => {
      const left = lanes().flatMap((lane) => lane.waiting.drain());
      groups.clear();
      return left;
    },
  };
};
