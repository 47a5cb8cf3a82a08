import type { BusMessage, IMessageBus } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { makeMemoryBus } from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import { makeManualTimers, makeRecordingBus } from './index.ts';

const letter = (content: string) => ({ from: 'ada', to: 'bob', content });

test('what was accepted is kept in the order of the calls', async () => {
  const accepted: ((message: BusMessage) => void)[] = [];
  const slow: IMessageBus = {
    send: () => new Promise((resolve) => accepted.push(resolve)),
    subscribe: () => () => undefined,
  };
  const bus = makeRecordingBus(slow);
  const first = bus.send(letter('one'));
  const second = bus.send(letter('two'));
  accepted[1]?.({ ...letter('two'), id: '2', sentAt: 0, hops: 0 });
  await second;
  expect(bus.sent.map(({ content }) => content)).toEqual(['two']);
  accepted[0]?.({ ...letter('one'), id: '1', sentAt: 0, hops: 0 });
  await first;
  expect(bus.sent.map(({ content }) => content)).toEqual(['one', 'two']);
});

test('what was refused rejects and is not kept', async () => {
  const bus = makeRecordingBus();
  await expect(bus.send(letter('a\ud800'))).rejects.toMatchObject({ code: 'message-invalid' });
  expect(bus.sent).toEqual([]);
});

test('waitFor gives what was sent before, and what is sent later', async () => {
  const bus = makeRecordingBus();
  await bus.send(letter('early'));
  expect((await bus.waitFor(({ content }) => content === 'early')).from).toBe('ada');
  const later = bus.waitFor(({ content }) => content === 'late');
  await bus.send(letter('other'));
  await bus.send(letter('late'));
  expect((await later).content).toBe('late');
});

test('waitFor rejects after its deadline and tells what was sent instead', async () => {
  const timers = makeManualTimers();
  const bus = makeRecordingBus(makeMemoryBus({ timers }), { timers });
  await bus.send(letter('something else'));
  const waiting = bus.waitFor(({ to }) => to === 'eve', { deadlineMs: 100 });
  const outcome = waiting.catch((error: unknown) => error);
  await timers.advance(100);
  expect(await outcome).toMatchObject({
    code: 'timeout',
    message:
      'No sent message met the condition within 100 ms; 1 sent, the last: ada -> bob "something else".',
  });
  expect(timers.pending()).toBe(0);
});

test('waitFor ends with the bus, and with its condition', async () => {
  const timers = makeManualTimers();
  const bus = makeRecordingBus(makeMemoryBus({ timers }), { timers });
  const wrong = bus.waitFor(() => {
    throw new TypeError('a broken condition');
  });
  const waiting = bus.waitFor(() => false);
  const outcomes = Promise.allSettled([wrong, waiting]);
  await bus.send(letter('one'));
  await bus.close();
  const [broken, closed] = await outcomes;
  expect(broken).toMatchObject({ reason: expect.any(TypeError) });
  expect(closed).toMatchObject({ reason: { code: 'closed' } });
  await expect(bus.waitFor(() => false)).rejects.toMatchObject({ code: 'closed' });
  await expect(bus.send(letter('late'))).rejects.toSatisfy((error) =>
    PantheonError.is(error, 'closed'),
  );
  expect(timers.pending()).toBe(0);
});

test('a deadline that is no time is refused', async () => {
  const bus = makeRecordingBus();
  await expect(bus.waitFor(() => true, { deadlineMs: Number.NaN })).rejects.toMatchObject({
    code: 'option-invalid',
  });
});

test('it has the capabilities of its bus and no others', () => {
  const { send, subscribe } = makeMemoryBus();
  expect(makeRecordingBus({ send, subscribe })).not.toHaveProperty('deadLetters');
  expect(makeRecordingBus()).toHaveProperty('deadLetters');
});
