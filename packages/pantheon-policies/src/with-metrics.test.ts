import type { IScheduler } from '@promethean/pantheon-core';
import {
  makeManualTimers,
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import { expectCode, failure, question, turn, unavailable } from '../test/fakes.ts';
import { type CallEvent, withMetrics } from './index.ts';

const recorder = (): {
  readonly events: CallEvent[];
  readonly onCall: (event: CallEvent) => void;
} => {
  const events: CallEvent[] = [];
  return { events, onCall: (event) => void events.push(event) };
};

test('a call is told with its duration, a failed one with its code', async () => {
  const timers = makeManualTimers();
  const { events, onCall } = recorder();
  const tools = makeMemoryTools({ timers });
  tools.register({
    name: 'slow',
    invoke: () => new Promise((resolve) => timers.set(() => resolve(1), 30)),
  });
  tools.register({ name: 'bad', invoke: () => Promise.reject(new Error('no')) });
  const port = withMetrics(tools, { onCall, timers });
  const slow = port.invoke('slow', {});
  await timers.advance(30);
  await slow;
  await expectCode(port.invoke('bad', {}), 'tool-failed');
  expect(events).toEqual([
    { port: 'tools', method: 'invoke', name: 'slow', durationMs: 30, outcome: 'ok' },
    {
      port: 'tools',
      method: 'invoke',
      name: 'bad',
      durationMs: 0,
      outcome: 'error',
      code: 'tool-failed',
    },
  ]);
});

test('a stream is told when it ends, breaks or is left', async () => {
  const { events, onCall } = recorder();
  const port = withMetrics(makeScriptedLlm(['one two', 'one two', unavailable()]), { onCall });
  const read = async (leave: boolean): Promise<void> => {
    for await (const _ of port.stream(question({ model: 'm' }))) if (leave) return;
  };
  await read(false);
  await read(true);
  await expectCode(read(false), 'unavailable');
  expect(events.map(({ method, name, outcome, code }) => [method, name, outcome, code])).toEqual([
    ['stream', 'm', 'ok', undefined],
    ['stream', 'm', 'left', undefined],
    ['stream', 'm', 'error', 'unavailable'],
  ]);
});

test('every port tells of its methods, handlers and tasks', async () => {
  const timers = makeManualTimers();
  const { events, onCall } = recorder();
  const options = { onCall, timers };
  const state = withMetrics(makeMemoryState(), options);
  await state.spawn({ name: 's', contextSources: [], talents: [] }, 'goal', { id: 'a' });
  await state.get('a');
  await state.list();
  await state.update('a', {});
  await state.remove('a');
  const context = withMetrics(makeMemoryContext(), options);
  await context.compile({ sources: [] });
  await context.record('a', []);
  await context.explain({ sources: [] });
  const bus = withMetrics(makeMemoryBus(), options);
  bus.subscribe(() => {
    throw new Error('no');
  });
  bus.subscribe(async () => Promise.reject(failure('timeout')));
  bus.subscribe(() => 'done');
  await bus.send({ from: 'a', to: 'b', content: '' });
  await turn();
  const cron: NonNullable<IScheduler['cron']> = (_, task) => {
    task();
    return () => undefined;
  };
  const plain = { ...makeMemoryScheduler({ timers }), cron };
  const schedule = withMetrics({ ...plain, named: () => plain }, options);
  const stop = schedule.named('a').every(10, () => undefined);
  schedule.once(5, () => undefined);
  schedule.cron('* * * * *', () => undefined);
  await timers.advance(10);
  stop();
  expect(events.map(({ port, method, code }) => [port, method, code].join(' ').trim())).toEqual([
    'state spawn',
    'state get',
    'state list',
    'state update',
    'state remove',
    'context compile',
    'context record',
    'context explain',
    'bus handle unexpected',
    'bus handle',
    'bus send',
    'bus handle timeout',
    'scheduler cron',
    'scheduler once',
    'scheduler every',
  ]);
});

test('a callback that throws or rejects changes nothing', async () => {
  const tools = makeMemoryTools();
  tools.register({ name: 'tool', invoke: () => 'done' });
  const onCalls = [
    () => {
      throw new Error('no');
    },
    async () => Promise.reject(new Error('no')),
  ];
  for (const onCall of onCalls) {
    const port = withMetrics(tools, { onCall });
    expect(await port.invoke('tool', {})).toBe('done');
    await expectCode(port.invoke('missing', {}), 'tool-unknown');
  }
  await turn();
});
