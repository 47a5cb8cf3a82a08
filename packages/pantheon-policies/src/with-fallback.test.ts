import type { ILlmPort, LlmChunk } from '@promethean/pantheon-core';
import { makeManualTimers, makeScriptedLlm } from '@promethean/pantheon-core/memory';
import { expect, test } from 'vitest';
import {
  answer,
  codeOf,
  expectCode,
  failure,
  listeners,
  question,
  steppedLlm,
  unavailable,
} from '../test/fakes.ts';
import { type FallbackEvent, withFallback } from './index.ts';

const readAll = async (port: ILlmPort, more = {}): Promise<LlmChunk[]> => {
  const chunks: LlmChunk[] = [];
  for await (const chunk of port.stream?.(question(more)) ?? []) chunks.push(chunk);
  return chunks;
};

test('the next model answers when one fails', async () => {
  const events: FallbackEvent[] = [];
  const [first, second, third] = [
    steppedLlm(unavailable()),
    steppedLlm(failure('llm-rate-limited')),
    steppedLlm('here'),
  ] as const;
  const port = withFallback([first, second, third], {
    onFallback: (event) => {
      events.push(event);
      throw new Error('An observer that fails.');
    },
  });
  const request = question({ model: 'of-the-first', timeoutMs: 1_000 });
  expect(await port.complete(request)).toEqual(answer('here'));
  expect(events.map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [1, 2],
  ]);
  expect(first.requests[0]).toBe(request);
  expect(third.requests[0]?.model).toBeUndefined();
  expect(third.requests[0]?.messages).toBe(request.messages);
});

test('the name of the model is passed to all where they share it', async () => {
  const second = steppedLlm('here');
  const port = withFallback([steppedLlm(unavailable()), second], { passModel: 'all' });
  await port.complete(question({ model: 'shared' }));
  expect(second.requests[0]?.model).toBe('shared');
});

test('a refused request, an abort and a final failure ask nobody else', async () => {
  const refused = [
    failure('option-invalid', false),
    failure('tick-cancelled'),
    failure('llm-unauthorized', false),
    new TypeError('No PantheonError.'),
  ];
  for (const error of refused) {
    const second = steppedLlm('here');
    await expect(withFallback([steppedLlm(error), second]).complete(question())).rejects.toBe(
      error,
    );
    expect(second.requests).toHaveLength(0);
  }
  const caller = new AbortController();
  const second = steppedLlm('here');
  const first: ILlmPort = {
    complete: async () => {
      caller.abort();
      throw unavailable();
    },
  };
  await expectCode(
    withFallback([first, second]).complete(question({ signal: caller.signal })),
    'tick-cancelled',
  );
  expect(second.requests).toHaveLength(0);
});

test('fallbackIf decides for other errors', async () => {
  const port = withFallback([steppedLlm(failure('llm-unauthorized', false)), steppedLlm('here')], {
    fallbackIf: () => true,
  });
  expect(await port.complete(question())).toEqual(answer('here'));
});

test('when all fail the error is the last one, and tells of all', async () => {
  const last = unavailable({ retryAfterMs: 500 });
  const port = withFallback([steppedLlm(failure('llm-rate-limited')), steppedLlm(last)]);
  const error = await expectCode(port.complete(question()), 'unavailable');
  expect(error.cause).toBe(last);
  expect(error).toMatchObject({
    retryable: true,
    details: {
      retryAfterMs: 500,
      failures: [{ code: 'llm-rate-limited' }, { code: 'unavailable' }],
    },
  });
});

test('the time of a call is for all models together', async () => {
  const timers = makeManualTimers();
  const slow = (ms: number): ILlmPort => ({
    complete: async () => {
      await timers.advance(ms);
      throw unavailable();
    },
  });
  const last = steppedLlm('here');
  await withFallback([slow(300), last], { timers }).complete(question({ timeoutMs: 1_000 }));
  expect(last.requests[0]?.timeoutMs).toBe(700);
  await expectCode(
    withFallback([slow(1_000), last], { timers }).complete(question({ timeoutMs: 1_000 })),
    'unavailable',
  );
  expect(last.requests).toHaveLength(1);
});

test('a stream goes on to the next model before its first text, never after it', async () => {
  const breaking = (...texts: string[]): ILlmPort => ({
    complete: () => Promise.reject(unavailable()),
    stream: async function* () {
      for (const text of texts) yield { type: 'text', text };
      throw unavailable();
    },
  });
  expect(
    await readAll(withFallback([breaking(), breaking(''), makeScriptedLlm(['Hi there'])])),
  ).toEqual([
    { type: 'text', text: '' },
    { type: 'text', text: 'Hi' },
    { type: 'text', text: ' there' },
    { type: 'message', message: answer('Hi there') },
  ]);
  const second = makeScriptedLlm(['Hi']);
  await expectCode(readAll(withFallback([breaking('Well'), second])), 'unavailable');
  expect(second.calls).toHaveLength(0);
});

test('a model without streams gives its answer in one piece, and without any there is no stream', async () => {
  const port = withFallback([steppedLlm(unavailable()), makeScriptedLlm(['unused'])]);
  expect('stream' in port).toBe(true);
  const whole = withFallback([makeScriptedLlm([unavailable()]), steppedLlm('Hi there')]);
  expect(await readAll(whole)).toEqual([
    { type: 'text', text: 'Hi there' },
    { type: 'message', message: answer('Hi there') },
  ]);
  expect(Object.keys(withFallback([steppedLlm('hi')]))).toEqual(['complete']);
});

test('close closes all models, and tells when one of them could not', async () => {
  const closed: string[] = [];
  const closing = (name: string, error?: Error): ILlmPort => ({
    ...steppedLlm('hi'),
    close: async () => {
      closed.push(name);
      if (error !== undefined) throw error;
    },
  });
  const error = new Error('stuck');
  const port = withFallback([closing('a', error), steppedLlm('hi'), closing('c')]);
  await expect(port.close?.()).rejects.toBe(error);
  expect(closed).toEqual(['a', 'c']);
});

test('a thousand calls leave no listener', async () => {
  const { signal } = new AbortController();
  const port = withFallback([steppedLlm(unavailable()), steppedLlm('hi')]);
  for (let n = 0; n < 1_000; n += 1) await port.complete(question({ signal }));
  expect(listeners(signal)).toBe(0);
});

test('options that cannot be are refused', () => {
  const refused = [
    () => withFallback([] as never),
    () => withFallback([{ invoke: () => 1 }] as never),
    () => withFallback([steppedLlm('hi')], { passModel: 'none' as never }),
  ];
  expect(refused.map(codeOf)).toEqual(refused.map(() => 'option-invalid'));
});
