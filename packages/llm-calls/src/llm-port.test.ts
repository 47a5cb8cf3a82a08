import { PantheonError } from '@promethean/pantheon-core';
import type { LlmChunk, LlmRequest, Message } from '@promethean/pantheon-core';
import { makeManualTimers } from '@promethean/pantheon-testkit';
import { describe, expect, test } from 'vitest';
import { malformed } from './answer.ts';
import { readCallOptions } from './call-options.ts';
import type { LlmCallOptions } from './call-options.ts';
import { makeLlmPort } from './llm-port.ts';
import type { LlmDialect } from './llm-port.ts';

const HELLO: LlmRequest = { messages: [{ role: 'user', content: 'hello' }] };
const USAGE = { inputTokens: 2, outputTokens: 1, totalTokens: 3 };

/** What a server answers: texts of a stream, and then a message, a failure, or nothing. */
type Answer = readonly [texts: readonly string[], end: string | Error | undefined];

const failed = (code: 'llm-failed' | 'llm-rate-limited' | 'llm-truncated', details = {}): Error =>
  new PantheonError(code, code, { retryable: true, details });
const broken = malformed('content', 'is broken');

const setUp = (
  answers: readonly Answer[],
  options: LlmCallOptions = {},
  dialect: Partial<LlmDialect<readonly Message[]>> = {},
) => {
  const timers = makeManualTimers();
  const asked: (readonly Message[])[] = [];
  const settings = readCallOptions(
    { timers, now: () => 1_000_000 + timers.now(), random: () => 0.5, ...options },
    { totalMs: 60_000 },
  );
  const llm = makeLlmPort<readonly Message[]>(settings, {
    toQuestion: ({ messages }) => messages,
    ask: (question, call) => {
      const [texts, end] = answers[Math.min(asked.push(question), answers.length) - 1] as Answer;
      return {
        texts: (async function* () {
          yield* texts;
          if (end instanceof Error) throw end;
          if (end === undefined) {
            // As a client of a vendor, which has an error of its own for an abort.
            await call.race(new Promise(() => undefined)).catch(() => {
              throw new Error('aborted');
            });
          }
        })(),
        message: () => ({ role: 'assistant', content: String(end) }),
        usage: () => USAGE,
      };
    },
    toFailure: (thrown) =>
      PantheonError.is(thrown) ? thrown : new PantheonError('llm-failed', 'a defect'),
    writtenByModel: /^content\b/,
    ...dialect,
  });
  return { llm, timers, asked, settings };
};

const collect = async (stream: AsyncIterable<LlmChunk>): Promise<readonly LlmChunk[]> => {
  const chunks: LlmChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

describe('a failure that may pass', () => {
  test('is repeated after growing waits, and every try is paid', async () => {
    const answers: Answer[] = [
      [[], failed('llm-failed')],
      [[], failed('llm-truncated', { retryAfterMs: 5_000 })],
      [[], failed('llm-failed')],
      [[], 'hi'],
    ];
    const { llm, timers, asked } = setUp(answers);
    const answer = llm.complete(HELLO);
    await timers.advance(499);
    expect(asked).toHaveLength(1);
    await timers.advance(1);
    expect(asked).toHaveLength(2);
    await timers.advance(5_499);
    expect(asked).toHaveLength(2);
    await timers.advance(1);
    expect(asked).toHaveLength(3);
    await timers.advance(1_999);
    expect(asked).toHaveLength(3);
    await timers.advance(1);
    expect(await answer).toEqual({
      role: 'assistant',
      content: 'hi',
      usage: { inputTokens: 8, outputTokens: 4, totalTokens: 12 },
    });
    expect(timers.pending()).toBe(0);
  });

  test('and does not, is told with the time when it may', async () => {
    const { llm, asked } = setUp([[[], failed('llm-failed')]], { maxRetries: 0 });
    await expect(llm.complete(HELLO)).rejects.toMatchObject({
      code: 'llm-failed',
      details: { retryAt: 1_000_500, usage: USAGE },
    });
    expect(asked).toHaveLength(1);
  });

  test('later than the call may last, is told at once', async () => {
    const { llm, timers } = setUp([[[], failed('llm-failed', { retryAfterMs: 120_000 })]]);
    await expect(llm.complete(HELLO)).rejects.toMatchObject({ details: { retryAt: 1_132_000 } });
    expect(timers.pending()).toBe(0);
  });

  test('is not repeated after a part of a stream was delivered', async () => {
    const { llm, asked } = setUp([[['a'], failed('llm-truncated')]]);
    await expect(collect(llm.stream(HELLO))).rejects.toMatchObject({ code: 'llm-truncated' });
    expect(asked).toHaveLength(1);
  });

  test('is not repeated where it is a defect', async () => {
    const { llm, asked } = setUp([[[], new Error('oops')]]);
    await expect(llm.complete(HELLO)).rejects.toMatchObject({ code: 'llm-failed' });
    expect(asked).toHaveLength(1);
  });
});

describe('what the model wrote wrong', () => {
  test('is told to it once', async () => {
    const { llm, asked } = setUp([[[], broken]]);
    await expect(llm.complete(HELLO)).rejects.toMatchObject({
      code: 'llm-malformed',
      details: { path: 'content', usage: { totalTokens: 6 } },
    });
    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual([
      ...HELLO.messages,
      { role: 'assistant', content: '(an answer that could not be used)' },
      { role: 'user', content: `${broken.message}. Answer again.` },
    ]);
  });

  test.each([
    [{ repair: false }, [] as string[], broken],
    [{}, ['a'], broken],
    [{}, [] as string[], malformed('body', 'is broken')],
  ])('is not told where that is of no use: %j %j (%#)', async (options, texts, end) => {
    const { llm, asked } = setUp([[texts, end]], options);
    await expect(collect(llm.stream(HELLO))).rejects.toMatchObject({ code: 'llm-malformed' });
    expect(asked).toHaveLength(1);
  });

  test('is told for what it is where there is no room for one more turn', async () => {
    const { llm, timers } = setUp(
      [[[], broken]],
      {},
      {
        toQuestion: ({ messages }) => {
          if (messages.length > 1) throw new PantheonError('message-too-large', 'too large');
          return messages;
        },
      },
    );
    await expect(llm.complete(HELLO)).rejects.toMatchObject({
      code: 'llm-malformed',
      details: { path: 'content', usage: USAGE },
    });
    expect(timers.pending()).toBe(0);
  });
});

test('a limit closes the gate for all, and who waits asks for the key of the moment first', async () => {
  let keys = 0;
  const limit = failed('llm-rate-limited', { retryAfterMs: 1_000 });
  const { llm, timers, asked, settings } = setUp(
    [
      [[], limit],
      [[], 'hi'],
    ],
    {},
    {
      onClosedGate: async () => (keys += 1),
    },
  );
  const first = llm.complete(HELLO);
  await timers.advance(0);
  expect(settings.gate.isClosed()).toBe(true);
  const second = llm.complete(HELLO);
  await timers.advance(1_099);
  expect(asked).toHaveLength(1);
  expect(keys).toBe(2);
  await timers.advance(1);
  expect(await first).toMatchObject({ content: 'hi' });
  expect(await second).toMatchObject({ content: 'hi' });
});

test('what the server accepts, of use or not, lets more requests run at a time after a limit', async () => {
  const limit: Answer = [[], failed('llm-rate-limited', { retryAfterMs: 1_000 })];
  const accepted = [broken, 'b', 'c', broken, 'e', 'f', 'g', 'h'].map((end): Answer => [[], end]);
  const { llm, timers, asked } = setUp([limit, ...accepted, [[], undefined]]);
  const first = llm.complete(HELLO);
  await timers.advance(1_100);
  await first;
  for (let call = 0; call < 5; call += 1) await llm.complete(HELLO);
  expect(asked).toHaveLength(9);
  const hanging = Promise.allSettled([1, 2, 3].map(() => llm.complete(HELLO)));
  await timers.advance(0);
  expect(asked).toHaveLength(11);
  await timers.advance(60_000);
  expect(await hanging).toMatchObject([1, 2, 3].map(() => ({ reason: { code: 'timeout' } })));
});

test.each([
  [{ ...HELLO, timeoutMs: 500 }, 500],
  [HELLO, 60_000],
])(
  "a call lasts as long as the request says, or else the adapter's options (%#)",
  async (request, ms) => {
    const { llm, timers } = setUp([[[], undefined]]);
    const ended = Promise.allSettled([llm.complete(request)]);
    await timers.advance(ms);
    expect(await ended).toMatchObject([
      { reason: { code: 'timeout', details: { clock: 'totalMs', ms } } },
    ]);
  },
);

test.each([
  [{ timeoutMs: 0 }, 'timeoutMs'],
  [{ temperature: 3 }, 'temperature'],
  [{ maxTokens: 0 }, 'maxTokens'],
])('a request with %j is refused before it is sent', async (part, path) => {
  const { llm, asked } = setUp([[[], 'hi']]);
  await expect(llm.complete({ ...HELLO, ...part })).rejects.toMatchObject({
    code: 'option-invalid',
    details: { path },
  });
  expect(asked).toHaveLength(0);
});

test('a stream ends with the message, also from a server that does not stream', async () => {
  const { llm } = setUp([
    [['a', 'b'], 'ab'],
    [[], 'whole'],
  ]);
  const message = (content: string) => ({
    type: 'message',
    message: { role: 'assistant', content, usage: USAGE },
  });
  expect(await collect(llm.stream(HELLO))).toEqual([
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
    message('ab'),
  ]);
  expect(await collect(llm.stream(HELLO))).toEqual([
    { type: 'text', text: 'whole' },
    message('whole'),
  ]);
});

test('close waits for what runs, and refuses the rest', async () => {
  const { llm } = setUp([[['a'], 'a']]);
  const chunks = llm.stream(HELLO)[Symbol.asyncIterator]();
  await chunks.next();
  let closed = false;
  const closing = llm.close().then(() => (closed = true));
  await expect(llm.complete(HELLO)).rejects.toMatchObject({ code: 'closed' });
  expect(closed).toBe(false);
  await chunks.next();
  await closing;
});

test.each([
  [{ temperature: 3 }, 'temperature'],
  [{ temperature: Number.NaN }, 'temperature'],
  [{ maxTokens: 0.5 }, 'maxTokens'],
  [{ maxRetries: -1 }, 'maxRetries'],
  [{ maxConcurrent: 0 }, 'maxConcurrent'],
])('the option %j is refused', (options, path) => {
  expect(() => readCallOptions(options, { totalMs: 1 })).toThrowError(
    expect.objectContaining({ code: 'option-invalid', details: { path } }) as Error,
  );
});

test.each([0, -1, 2 ** 31, Number.NaN, '5' as never])('a clock of %s is refused', (idleMs) => {
  expect(() => readCallOptions({}, { idleMs, totalMs: 1 })).toThrowError(/timeouts\.idleMs/);
});
