import { describe, expect, test } from 'vitest';
import { PantheonError } from '../core/errors.ts';
import type { LlmRequest } from '../core/types.ts';
import { makeManualTimers } from './manual-timers.ts';
import { makeScriptedLlm } from './scripted-llm.ts';

const ask = (content = 'hello', more: Partial<LlmRequest> = {}): LlmRequest => ({
  messages: [{ role: 'user', content }],
  ...more,
});

describe('the script', () => {
  test('is answered entry by entry: texts, messages, errors and functions', async () => {
    const own = new PantheonError('llm-rate-limited', 'Later.', { retryable: true });
    const llm = makeScriptedLlm([
      'a text',
      {
        role: 'assistant',
        content: 'a message',
        usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
      },
      new Error('out of order'),
      own,
      ({ messages }) => `you said ${messages[0]?.content}`,
      async () => ({ role: 'assistant', content: 'later' }),
      () => {
        throw new TypeError('a broken function');
      },
    ]);
    expect(await llm.complete(ask())).toEqual({ role: 'assistant', content: 'a text' });
    expect(await llm.complete(ask())).toMatchObject({
      content: 'a message',
      usage: { totalTokens: 3 },
    });
    await expect(llm.complete(ask())).rejects.toMatchObject({
      code: 'llm-failed',
      message: expect.stringContaining('out of order'),
    });
    await expect(llm.complete(ask())).rejects.toBe(own);
    expect((await llm.complete(ask('good morning'))).content).toBe('you said good morning');
    expect((await llm.complete(ask())).content).toBe('later');
    await expect(llm.complete(ask())).rejects.toMatchObject({
      code: 'llm-failed',
      cause: expect.any(TypeError),
    });
  });

  test('that is used up rejects, and says how long it was', async () => {
    const llm = makeScriptedLlm(['only']);
    await llm.complete(ask());
    await expect(llm.complete(ask())).rejects.toMatchObject({
      code: 'script-exhausted',
      message: expect.stringContaining('has 1 answers and this is call 2'),
    });
  });

  test('can be changed afterwards without effect', async () => {
    const script = ['one'];
    const llm = makeScriptedLlm(script);
    script[0] = 'changed';
    expect((await llm.complete(ask())).content).toBe('one');
  });

  test('is not used up by calls that are refused', async () => {
    const llm = makeScriptedLlm(['one']);
    await expect(llm.complete({ messages: [] })).rejects.toMatchObject({ code: 'option-invalid' });
    await expect(llm.complete(ask('x', { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'tick-cancelled',
    });
    await expect(llm.complete(ask('x', { timeoutMs: 0 }))).rejects.toMatchObject({
      code: 'option-invalid',
    });
    expect(llm.calls).toEqual([]);
    expect((await llm.complete(ask())).content).toBe('one');
  });

  test.each([
    ['no message', 7],
    ['an empty text', ''],
    ['what is no plain data', { role: 'assistant', content: 'x', metadata: { f: () => 1 } }],
    ['another role', { role: 'user', content: 'x' }],
    ['a content that is no text', { role: 'assistant', content: 7 }],
    [
      'an empty id',
      { role: 'assistant', content: '', toolCalls: [{ id: '', name: 'add', args: {} }] },
    ],
  ])('with %s is malformed', async (_, answer) => {
    const llm = makeScriptedLlm([() => answer as never]);
    await expect(llm.complete(ask('x', { tools: [{ name: 'add' }] }))).rejects.toMatchObject({
      code: 'llm-malformed',
    });
  });
});

test('calls tell every request as it was when it came', async () => {
  const llm = makeScriptedLlm(['one', 'two']);
  const messages = [{ role: 'user', content: 'first' } as const];
  await llm.complete({ messages, temperature: 0 });
  messages.push({ role: 'user', content: 'second' } as never);
  await llm.complete({ messages });
  expect(
    llm.calls.map((call) => [call.messages.map(({ content }) => content), call.temperature]),
  ).toEqual([
    [['first'], 0],
    [['first', 'second'], undefined],
  ]);
});

test('a stream gives words, and what is between them', async () => {
  const llm = makeScriptedLlm(['  Good morning,\n\n everybody. ']);
  const texts: string[] = [];
  for await (const chunk of llm.stream(ask())) {
    texts.push(chunk.type === 'text' ? chunk.text : chunk.message.content);
  }
  expect(texts).toEqual([
    '  Good',
    ' morning,',
    '\n\n everybody. ',
    '  Good morning,\n\n everybody. ',
  ]);
});

test.each([' ', '\n\n', 'x', 'x y', ' x', 'x '])('a stream of %j is that text', async (text) => {
  const llm = makeScriptedLlm([text]);
  const texts: string[] = [];
  for await (const chunk of llm.stream(ask())) if (chunk.type === 'text') texts.push(chunk.text);
  expect(texts.join('')).toBe(text);
});

test('a stream that is aborted between two words throws', async () => {
  const llm = makeScriptedLlm(['Good morning everybody.']);
  const caller = new AbortController();
  const texts: string[] = [];
  await expect(async () => {
    for await (const chunk of llm.stream(ask('x', { signal: caller.signal }))) {
      if (chunk.type === 'text') texts.push(chunk.text);
      caller.abort();
    }
  }).rejects.toMatchObject({ code: 'tick-cancelled' });
  expect(texts).toEqual(['Good']);
});

test('close waits for the call that runs', async () => {
  const timers = makeManualTimers();
  const llm = makeScriptedLlm([() => new Promise(() => undefined)], { timers });
  const outcome = llm.complete(ask('x', { timeoutMs: 100 })).catch((error: unknown) => error);
  let isClosed = false;
  const closing = llm.close().then(() => (isClosed = true));
  await timers.advance(99);
  expect(isClosed).toBe(false);
  await timers.advance(1);
  await closing;
  expect(await outcome).toMatchObject({ code: 'timeout' });
});
