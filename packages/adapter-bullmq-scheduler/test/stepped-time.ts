import type { Timers } from '@promethean/pantheon-core';
import type { Redis } from 'ioredis';

/** A clock that stands still until it is told to move, and while Redis is asked. */
export interface SteppedTime {
  readonly timers: Timers;
  readonly advance: (ms: number) => Promise<void>;
  readonly stall: (ms: number) => void;
  readonly pending: () => number;
}

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** The scheduler loads BullMQ when it needs it; no stepped time passes until then. */
const loaded = import('bullmq');

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const makeSteppedTime = (client: Redis): SteppedTime => {
  const set = new Set<Timer>();
  let time = 0;
  let order = 0;
  let asked = 0;

  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, stream) => {
    asked += 1;
    const over = (): void => {
      asked -= 1;
    };
    void command.promise.then(over, over);
    return send(command, stream);
  };

  /** Until nothing is asked any more, and nothing came of the last answer. */
  const settle = async (): Promise<void> => {
    await loaded;
    for (let quiet = 0; quiet < 3;) {
      await turn();
      quiet = asked === 0 && client.status === 'ready' ? quiet + 1 : 0;
    }
  };

  const first = (end: number): Timer | undefined =>
    [...set].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due || a.order - b.order)[0];

  return {
    timers: {
      now: () => time,
      set: (run, delayMs) => {
        const timer = { due: time + delayMs, order, run };
        order += 1;
        set.add(timer);
        return timer;
      },
      clear: (handle) => void set.delete(handle as Timer),
    },
    advance: async (ms) => {
      const end = time + ms;
      await settle();
      for (let timer = first(end); timer !== undefined; timer = first(end)) {
        set.delete(timer);
        time = Math.max(time, timer.due);
        timer.run();
        await settle();
      }
      time = end;
    },
    stall: (ms) => {
      time += ms;
    },
    pending: () => set.size,
  };
};
