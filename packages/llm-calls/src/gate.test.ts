import { makeManualTimers } from '@promethean/pantheon-testkit';
import { describe, expect, test } from 'vitest';
import { failure } from '../test/failure.ts';
import { openCall } from './call.ts';
import { makeGate } from './gate.ts';

const MAX = 3;

const setUp = () => {
  const timers = makeManualTimers();
  const gate = makeGate(MAX, timers, () => 1_000_000 + timers.now());
  const order: string[] = [];
  const enter = (name = '', totalMs = 60_000, again = false) => {
    const call = openCall(undefined, { totalMs }, timers);
    const slot = gate.enter(call, again).then((got) => (order.push(name), got));
    return { call, slot };
  };
  return { timers, gate, enter, order };
};

describe('the gate', () => {
  test('has room for so many, and the others come in their order', async () => {
    const { enter, order } = setUp();
    const entries = ['a', 'b', 'c', 'd', 'e'].map((name) => enter(name));
    const first = await entries[0]?.slot;
    await entries[2]?.slot;
    expect(order).toEqual(['a', 'b', 'c']);
    first?.leave(true);
    first?.leave(true);
    await entries[3]?.slot;
    expect(order).toEqual(['a', 'b', 'c', 'd']);
    // However a call ends, its place is free.
    entries[1]?.call.close();
    await entries[4]?.slot;
  });

  test('opens for one after a refusal, and for one more with every eight that are accepted', async () => {
    const { timers, gate, enter, order } = setUp();
    const slot = await enter().slot;
    slot.refuse(1_000);
    slot.leave(true);
    expect(gate.isClosed()).toBe(true);
    order.length = 0;
    const waiting = Array.from({ length: 20 }, (_, index) => enter(String(index)));
    await timers.advance(999);
    expect(order).toEqual([]);
    await timers.advance(1);
    for (let accepted = 0; accepted < 8; accepted += 1) {
      const next = await waiting[accepted]?.slot;
      expect(order).toHaveLength(accepted + 1);
      next?.leave(true);
    }
    await waiting[9]?.slot;
    expect(order).toHaveLength(10);
  });

  test('learns nothing from requests of before a refusal', async () => {
    const { timers, enter, order } = setUp();
    const [first, second, third] = await Promise.all([enter().slot, enter().slot, enter().slot]);
    first.refuse(1_000);
    second.refuse(10); // Does not shorten the wait.
    order.length = 0;
    const probe = enter('probe');
    const other = enter('other');
    await timers.advance(999);
    expect(order).toEqual([]);
    await timers.advance(1);
    const slot = await probe.slot;
    third.leave(true);
    expect(order).toEqual(['probe']);
    slot.leave(false);
    await other.slot;
  });

  test('turns away at once whom it would keep longer than the call may last', async () => {
    const { timers, enter } = setUp();
    const [slot] = await Promise.all([enter().slot, enter().slot, enter().slot]);
    const short = failure(enter('short', 500).slot);
    const long = enter('long').slot;
    slot.refuse(1_000);
    for (const error of [await short, await failure(enter('late', 500).slot)]) {
      expect(error).toMatchObject({
        code: 'llm-rate-limited',
        retryable: true,
        details: { retryAt: 1_001_000 },
      });
    }
    await timers.advance(1_000);
    await long;
  });

  test('lets those go first that come again, and nobody who was aborted', async () => {
    const { timers, enter, order } = setUp();
    (await enter().slot).refuse(1_000);
    order.length = 0;
    const gone = enter('gone', 2_000);
    const [next, again] = [enter('next'), enter('again', 60_000, true)];
    const aborted = failure(gone.slot);
    await timers.advance(1_000);
    const slot = await again.slot;
    await timers.advance(1_000);
    expect(await aborted).toMatchObject({ code: 'timeout' });
    slot.leave(true);
    await next.slot;
    expect(order).toEqual(['again', 'next']);
  });

  test('forgets a refusal that was meant for another key', async () => {
    const { timers, gate, enter } = setUp();
    const { call, slot } = enter();
    (await slot).refuse(1_000);
    call.close();
    const calls = [enter(), enter(), enter()];
    gate.reopen();
    await Promise.all(calls.map((each) => each.slot));
    for (const each of calls) each.call.close();
    expect(gate.isClosed()).toBe(false);
    expect(timers.pending()).toBe(0);
  });
});
