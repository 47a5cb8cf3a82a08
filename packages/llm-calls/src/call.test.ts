import { getEventListeners } from 'node:events';
import { makeManualTimers } from '@promethean/pantheon-testkit';
import { describe, expect, test } from 'vitest';
import { failure } from '../test/failure.ts';
import { openCall } from './call.ts';
import type { Clocks } from './call.ts';

const CLOCKS: Clocks = { headersMs: 1_000, idleMs: 300, totalMs: 5_000 };
const never = new Promise<never>(() => undefined);

const open = (clocks: Clocks = CLOCKS) => {
  const timers = makeManualTimers();
  const controller = new AbortController();
  return { timers, controller, call: openCall(controller.signal, clocks, timers) };
};

describe('a clock', () => {
  test('ends the work, though it be deaf, and says which it was', async () => {
    const { timers, controller, call } = open();
    const ended = failure(call.race(never));
    call.watch('headersMs');
    await timers.advance(999);
    expect(call.reason()).toBeUndefined();
    await timers.advance(1);
    expect(await ended).toMatchObject({
      code: 'timeout',
      retryable: true,
      message: "The model's server sent no headers for 1000 ms (timeouts.headersMs)",
      details: { clock: 'headersMs', ms: 1_000 },
    });
    expect(call.signal.reason).toBe(call.reason());
    await call.closed;
    expect(timers.pending()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('takes the place of the one before, and none runs without a name', async () => {
    const { timers, call } = open();
    call.watch('headersMs');
    call.watch('idleMs');
    expect(timers.pending()).toBe(2);
    call.watch();
    expect(timers.pending()).toBe(1);
    await timers.advance(4_999);
    expect(call.reason()).toBeUndefined();
    await timers.advance(1);
    expect(call.reason()?.details).toEqual({ clock: 'totalMs', ms: 5_000 });
  });

  test('that is left out or infinite does not run', () => {
    const { timers, call } = open({ idleMs: Infinity, totalMs: Infinity });
    call.watch('idleMs');
    call.watch('firstDeltaMs');
    expect(timers.pending()).toBe(0);
    expect(call.deadline).toBe(Infinity);
  });

  test('cannot be started after the end', async () => {
    const { timers, controller, call } = open();
    controller.abort();
    call.watch('idleMs');
    expect(timers.pending()).toBe(0);
  });
});

describe('an abort', () => {
  test('ends what runs and what comes later, with its reason as the cause', async () => {
    const { timers, controller, call } = open();
    const running = [failure(call.race(never)), failure(call.sleep(1_000))];
    controller.abort('enough');
    for (const error of [...(await Promise.all(running)), await failure(call.race(never))]) {
      expect(error).toMatchObject({ code: 'tick-cancelled', cause: 'enough' });
    }
    expect(timers.pending()).toBe(0);
  });

  test('that came before the call is seen at once', () => {
    const timers = makeManualTimers();
    const call = openCall(AbortSignal.abort('before'), CLOCKS, timers);
    expect(call.reason()).toMatchObject({ code: 'tick-cancelled', cause: 'before' });
    expect(timers.pending()).toBe(0);
  });

  test('lets a failure of the work that comes later harm nobody', async () => {
    const { controller, call } = open();
    let fail: (error: Error) => void = () => undefined;
    const raced = failure(call.race(new Promise((_, reject) => (fail = reject))));
    controller.abort();
    expect(await raced).toMatchObject({ code: 'tick-cancelled' });
    fail(new Error('late')); // Unhandled, it would fail the run.
    await new Promise(setImmediate);
  });
});

test('a sleep passes, and a closed call leaves nothing', async () => {
  const { timers, controller, call } = open();
  const slept = call.sleep(10);
  await timers.advance(10);
  await slept;
  call.close();
  expect(timers.pending()).toBe(0);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
});
