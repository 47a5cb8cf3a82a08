import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ILlmPort, LlmChunk, LlmRequest, Message } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeLlmCassette, makeScriptedLlm } from './index.ts';

let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testkit-cassette-'));
  path = join(folder, 'cassettes', 'talk.json');
});

afterEach(() => rm(folder, { recursive: true }));

const ask = (content: string, more: Partial<LlmRequest> = {}): LlmRequest => ({
  messages: [{ role: 'user', content }],
  ...more,
});

/** Answers by the last message. */
const echo: ILlmPort = {
  complete: async ({ messages }) => ({
    role: 'assistant',
    content: `you said ${messages.at(-1)?.content}`,
  }),
};

const read = async (llm: ILlmPort, request: LlmRequest): Promise<readonly LlmChunk[]> => {
  const chunks: LlmChunk[] = [];
  for await (const chunk of llm.stream?.(request) ?? []) chunks.push(chunk);
  return chunks;
};

const record = async (
  llm: ILlmPort,
  requests: readonly LlmRequest[],
  redact?: readonly string[],
): Promise<void> => {
  const cassette = makeLlmCassette({ path, mode: 'record', llm, redact });
  for (const request of requests) await cassette.complete(request).catch(() => undefined);
  await cassette.close();
};

describe('a replay', () => {
  test('gives the recorded answers without the model, in any order', async () => {
    await record(echo, [ask('one'), ask('two')]);
    const cassette = makeLlmCassette({ path });
    expect(cassette.unused()).toBe(2);
    expect((await cassette.complete(ask('two'))).content).toBe('you said two');
    expect((await cassette.complete(ask('one'))).content).toBe('you said one');
    expect(cassette.unused()).toBe(0);
  });

  test('gives several answers to one request in their order, and no more', async () => {
    await record(makeScriptedLlm(['first', 'second']), [ask('again'), ask('again')]);
    const cassette = makeLlmCassette({ path });
    expect((await cassette.complete(ask('again'))).content).toBe('first');
    expect((await cassette.complete(ask('again'))).content).toBe('second');
    await expect(cassette.complete(ask('again'))).rejects.toMatchObject({
      code: 'script-exhausted',
      message: `The cassette ${path} has no recording for this request: it was recorded 2 times, all of which have been replayed.`,
    });
  });

  test('does not look at what a model does not see, nor at the order of keys', async () => {
    const tool = { name: 'add', parameters: { type: 'object', required: ['a'] } };
    await record(echo, [ask('one', { tools: [tool], temperature: 0 })]);
    const cassette = makeLlmCassette({ path });
    const same: LlmRequest = {
      temperature: 0,
      timeoutMs: 5,
      signal: new AbortController().signal,
      model: undefined,
      tools: [
        {
          parameters: { required: ['a'], type: 'object' },
          name: 'add',
          timeoutMs: 7,
          sideEffect: 'none',
        },
      ],
      messages: [
        {
          metadata: { at: 'noon' },
          provenance: { source: 'notes', score: 3 },
          content: 'one',
          role: 'user',
        },
      ],
    };
    expect((await cassette.complete(same)).content).toBe('you said one');
  });

  test.each<[string, Partial<LlmRequest>]>([
    ['model', { model: 'other' }],
    ['temperature', { temperature: 1 }],
    ['maxTokens', { maxTokens: 5 }],
    ['format', { format: 'json' }],
    ['tools', { tools: [{ name: 'add' }] }],
  ])('does look at %s', async (name, more) => {
    await record(echo, [ask('one')]);
    await expect(makeLlmCassette({ path }).complete(ask('one', more))).rejects.toMatchObject({
      message: expect.stringContaining(`differs at ${name}: recorded nothing / asked `),
    });
  });

  test('gives recorded errors, with all that they tell', async () => {
    const error = new PantheonError('llm-rate-limited', 'Wait a minute.', {
      retryable: true,
      details: { retryAfterMs: 60_000 },
      cause: new Error('429'),
    });
    await record(makeScriptedLlm([error]), [ask('one')]);
    const replayed = await makeLlmCassette({ path })
      .complete(ask('one'))
      .catch((thrown: unknown) => thrown);
    expect(PantheonError.is(replayed)).toBe(true);
    expect(replayed).toMatchObject({
      code: 'llm-rate-limited',
      message: 'Wait a minute.',
      retryable: true,
      details: { retryAfterMs: 60_000 },
      cause: { message: '429' },
    });
  });

  test('gives recorded streams as they were', async () => {
    const request = ask('one');
    const recorder = makeLlmCassette({
      path,
      mode: 'record',
      llm: makeScriptedLlm([
        'Good morning, everybody.',
        new PantheonError('llm-truncated', 'Cut.'),
      ]),
    });
    const live = await read(recorder, request);
    await expect(read(recorder, request)).rejects.toMatchObject({ code: 'llm-truncated' });
    const cassette = makeLlmCassette({ path });
    expect(live.length).toBe(4);
    expect(await read(cassette, request)).toEqual(live);
    await expect(read(cassette, request)).rejects.toMatchObject({ code: 'llm-truncated' });
    await expect(cassette.complete(request)).rejects.toMatchObject({
      message: expect.stringContaining('differs at call: recorded "stream" / asked "complete"'),
    });
  });

  test('of a stream that its reader left ends where it was left', async () => {
    const recorder = makeLlmCassette({ path, mode: 'record', llm: makeScriptedLlm(['a b c']) });
    for await (const _ of recorder.stream?.(ask('one')) ?? []) break;
    const texts: string[] = [];
    await expect(async () => {
      for await (const chunk of makeLlmCassette({ path }).stream?.(ask('one')) ?? [])
        if (chunk.type === 'text') texts.push(chunk.text);
    }).rejects.toMatchObject({ code: 'script-exhausted' });
    expect(texts).toEqual(['a']);
  });

  test('has a stream where one was recorded only', async () => {
    await record(echo, [ask('one')]);
    expect(makeLlmCassette({ path })).not.toHaveProperty('stream');
  });

  test('hands out copies', async () => {
    await record(makeScriptedLlm(['one', 'one']), [ask('x'), ask('x')]);
    const cassette = makeLlmCassette({ path });
    Object.assign(await cassette.complete(ask('x')), { content: 'changed' });
    expect((await cassette.complete(ask('x'))).content).toBe('one');
  });
});

describe('a miss', () => {
  const talk = (...contents: readonly string[]): LlmRequest => ({
    messages: contents.map((content, index): Message => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content,
    })),
  });

  test('names the nearest recording and the path that differs, in one sentence', async () => {
    await record(echo, [
      talk('something', 'quite', 'different', 'altogether', 'here'),
      talk('hello', 'hello', 'When does the office open?'),
    ]);
    await expect(
      makeLlmCassette({ path }).complete(talk('hello', 'hello', 'When does the shop open?')),
    ).rejects.toMatchObject({
      code: 'script-exhausted',
      message:
        `The cassette ${path} has no recording for this request: the nearest is number 2, which differs at ` +
        'messages[2].content: recorded "When does the office open?" / asked "When does the shop open?".',
    });
  });

  test('of a long text shows where the two part', async () => {
    const start = 'x'.repeat(5_000);
    await record(echo, [ask(`${start} blue ${start}`)]);
    await expect(
      makeLlmCassette({ path }).complete(ask(`${start} green ${start}`)),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/: recorded "…x+ blue x+…" \/ asked "…x+ green x+…"\.$/),
    });
  });

  test('of a longer conversation names the first message that was not recorded', async () => {
    await record(echo, [talk('hello')]);
    await expect(makeLlmCassette({ path }).complete(talk('hello', 'hi'))).rejects.toMatchObject({
      message: expect.stringContaining(
        'differs at messages[1]: recorded nothing / asked {"role":"assistant","content":"hi"}.',
      ),
    });
  });

  test('in an empty cassette says so', async () => {
    await writeFile(
      join(folder, 'empty.json'),
      '{"format":"pantheon-llm-cassette","version":1,"recordings":[]}',
    );
    const cassette = makeLlmCassette({ path: join(folder, 'empty.json') });
    await expect(cassette.complete(ask('x'))).rejects.toMatchObject({
      message: expect.stringContaining('for this request: it is empty.'),
    });
  });
});

describe('the file', () => {
  test('is versioned, made to be read, and the same for the same talk', async () => {
    await record(echo, [ask('one', { temperature: 0 })]);
    const text = await readFile(path, 'utf8');
    expect(text).toBe(`{
  "format": "pantheon-llm-cassette",
  "version": 1,
  "recordings": [
    {
      "request": {
        "call": "complete",
        "messages": [
          {
            "role": "user",
            "content": "one"
          }
        ],
        "temperature": 0
      },
      "message": {
        "role": "assistant",
        "content": "you said one"
      }
    }
  ]
}
`);
    await record(echo, [ask('one', { temperature: 0 })]);
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(await readdir(join(folder, 'cassettes'))).toEqual(['talk.json']);
  });

  test('has the calls in the order in which they were made, however they end', async () => {
    const gates: (() => void)[] = [];
    const slow: ILlmPort = {
      complete: (request) =>
        new Promise((resolve, reject) =>
          gates.push(() => void echo.complete(request).then(resolve, reject)),
        ),
    };
    const cassette = makeLlmCassette({ path, mode: 'record', llm: slow });
    const calls = ['one', 'two'].map((content) => cassette.complete(ask(content)));
    gates.toReversed().forEach((open) => open());
    await Promise.all(calls);
    const text = await readFile(path, 'utf8');
    expect(text.indexOf('said one')).toBeLessThan(text.indexOf('said two'));
  });

  test('never gets a secret, in whatever shape it passes', async () => {
    const secret = 'sk-"quoted"/\\secret';
    const words = 'the secret is ';
    const llm: ILlmPort = {
      complete: async () => ({
        role: 'assistant',
        content: words + secret,
        toolCalls: [
          {
            id: 'c1',
            name: 'send',
            args: { [secret]: [JSON.stringify({ key: secret })], url: encodeURIComponent(secret) },
          },
        ],
      }),
      stream: async function* () {
        yield { type: 'text', text: words + secret.slice(0, 7) };
        yield { type: 'text', text: secret.slice(7) };
        yield { type: 'message', message: { role: 'assistant', content: words + secret } };
      },
    };
    const request = ask(`my key is ${secret}`, { tools: [{ name: 'send', description: secret }] });
    const cassette = makeLlmCassette({ path, mode: 'record', llm, redact: [secret] });
    await cassette.complete(request);
    await read(cassette, request);
    const failing = makeScriptedLlm([
      new PantheonError('llm-unauthorized', `The key ${secret} is wrong.`, {
        details: { key: secret },
        cause: new Error(secret),
      }),
    ]);
    const other = makeLlmCassette({
      path: `${path}.2`,
      mode: 'record',
      llm: failing,
      redact: [secret],
    });
    await other.complete(request).catch(() => undefined);
    for (const file of [path, `${path}.2`]) {
      const text = await readFile(file, 'utf8');
      expect(text).not.toContain('quoted');
      expect(text).toContain('[redacted]');
    }
    const replay = makeLlmCassette({ path, redact: [secret] });
    expect((await replay.complete(request)).content).toBe('the secret is [redacted]');
    expect(await read(replay, request)).toMatchObject([
      { text: 'the secret is [redacted]' },
      { message: { content: 'the secret is [redacted]' } },
    ]);
  });

  test.each([
    ['is no JSON', '{', 'cannot be read'],
    ['is something else', '{"a":1}', 'is no cassette'],
    [
      'is of another version',
      '{"format":"pantheon-llm-cassette","version":2,"recordings":[]}',
      'has the version 2',
    ],
  ])('that %s is refused', async (_, text, problem) => {
    const odd = join(folder, 'odd.json');
    await writeFile(odd, text);
    expect(() => makeLlmCassette({ path: odd })).toThrow(
      expect.objectContaining({
        code: 'file-unreadable',
        message: expect.stringContaining(problem),
      }),
    );
  });

  test('that is not there is refused in a replay', () => {
    expect(() => makeLlmCassette({ path })).toThrow(
      expect.objectContaining({ code: 'file-unreadable' }),
    );
  });
});

describe('the mode', () => {
  test('auto calls the model for what was not recorded, and adds it', async () => {
    await record(echo, [ask('one')]);
    const asked: string[] = [];
    const llm: ILlmPort = {
      complete: (request) => {
        asked.push(request.messages[0]?.content ?? '');
        return echo.complete(request);
      },
    };
    const cassette = makeLlmCassette({ path, mode: 'auto', llm });
    for (const content of ['one', 'two']) await cassette.complete(ask(content));
    expect(asked).toEqual(['two']);
    const replay = makeLlmCassette({ path });
    expect((await replay.complete(ask('two'))).content).toBe('you said two');
    expect((await replay.complete(ask('one'))).content).toBe('you said one');
  });

  test('record begins anew', async () => {
    await record(echo, [ask('one')]);
    await record(echo, [ask('two')]);
    await expect(makeLlmCassette({ path }).complete(ask('one'))).rejects.toMatchObject({
      code: 'script-exhausted',
    });
  });

  test('replay never calls a model that it is given', async () => {
    await record(echo, [ask('one')]);
    const llm = makeScriptedLlm([]);
    const cassette = makeLlmCassette({ path, llm });
    await cassette.complete(ask('one'));
    await cassette.complete(ask('two')).catch(() => undefined);
    expect(llm.calls).toEqual([]);
  });

  test("the caller's own doing is not recorded", async () => {
    await record(makeScriptedLlm([new PantheonError('tick-cancelled', 'Left.'), 'one']), [
      ask('one'),
      ask('one', { signal: AbortSignal.abort() }),
      { messages: [] },
      ask('one'),
    ]);
    expect(makeLlmCassette({ path }).unused()).toBe(1);
  });
});

test.each([
  ['no path', { path: '' }],
  ['another mode', { path: 'x', mode: 'play' }],
  ['no model to record', { path: 'x', mode: 'record' }],
  ['no model for auto', { path: 'x', mode: 'auto' }],
  ['a short secret', { path: 'x', redact: ['abc'] }],
])('settings with %s are refused', (_, options) => {
  expect(() => makeLlmCassette(options as never)).toThrow(
    expect.objectContaining({ code: 'option-invalid' }),
  );
});
