import type { LlmRequest } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { HELLO, KEY, failure, useSetup } from '../test/setup.ts';
import { status, text, until } from '../test/wire-server.ts';
import type { OpenAiLlmOptions } from './openai-llm.ts';

const setup = useSetup();

describe('a request', () => {
  test('uses the key of the moment, and no error shows any of them', async () => {
    const keys = ['sk-first-key-000', 'sk-second-key-00'];
    const refuse: (() => unknown)[] = [];
    setup.server.answer((response, request) => {
      const { authorization, 'x-tenant': tenant } = request.headers;
      const echo = `no such key: ${authorization} ${String(tenant)}`;
      refuse.push(() => status(401, {}, { message: echo, code: echo })(response, request));
    });
    const headers = { 'x-tenant': 'tenant-secret' };
    let calls = 0;
    const llm = setup.make({ apiKey: async () => keys[calls++] ?? '', headers });
    // Both are under way when the first one fails, with a key that is no longer the one in use.
    const failures = [failure(llm.complete(HELLO)), failure(llm.complete(HELLO))];
    await until(() => refuse.length === 2);
    for (const now of refuse) now();
    for (const error of await Promise.all(failures)) {
      const { message, stack, details, cause } = error;
      const all = [message, stack, JSON.stringify(details), (cause as Error).stack].join();
      expect(all).not.toMatch(/sk-|tenant-secret/);
      expect(message).toContain('[secret]');
    }
    const sent = setup.server.requests.map((request) => request.headers.authorization);
    expect(new Set(sent)).toEqual(new Set(keys.map((key) => `Bearer ${key}`)));
  });

  test('shows no key in an answer that is quoted', async () => {
    setup.server.answer((response) => response.end(`<p>${KEY}</p>`));
    expect((await failure(setup.make().complete(HELLO))).message).toMatch(/\[secret\]/);
  });
});

describe('an error', () => {
  test.each([
    [401, 'llm-unauthorized', '401 no. Check apiKey'],
    [404, 'llm-failed', '404 no. Check model (with Azure: the deployment) and baseURL'],
    [301, 'llm-failed', '301 no. Redirects are not followed; check baseURL'],
    [400, 'llm-failed', '400 no'],
  ] as const)('of status %d names the setting to look at', async (code, expected, told) => {
    setup.server.answer(status(code, {}, { message: 'no.' }));
    expect(await failure(setup.make().complete(HELLO))).toMatchObject({
      code: expected,
      message: `The model's server refused: ${told}`,
    });
  });

  test('of a server that is not there names the setting to look at', async () => {
    const llm = setup.make({ maxRetries: 0 });
    await setup.server.close();
    expect(await failure(llm.complete(HELLO))).toMatchObject({
      code: 'llm-failed',
      message: expect.stringMatching(
        /^The request to the model failed: connect ECONNREFUSED 127\.0\.0\.1:\d+\. Check baseURL, and that its server can be reached$/,
      ) as string,
    });
  });
});

describe('close', () => {
  test('lets running calls end, and refuses new ones', async () => {
    let finish = (): unknown => undefined;
    setup.server.answer((response, request) => (finish = () => text('done')(response, request)));
    const llm = setup.make();
    const running = llm.complete(HELLO);
    await until(() => setup.server.requests.length === 1);
    let closed = false;
    const closing = llm.close().then(() => (closed = true));
    expect(await failure(llm.complete(HELLO))).toMatchObject({ code: 'closed' });
    expect(closed).toBe(false);
    finish();
    expect(await running).toMatchObject({ content: 'done' });
    await closing;
    await llm.close();
  });
});

describe('an option', () => {
  test.each([
    [{ model: '' }, 'model'],
    [{ api: 'assistants' as never }, 'api'],
    [{ maxRetries: -1 }, 'maxRetries'],
    [{ maxConcurrent: 0 }, 'maxConcurrent'],
    [{ maxBodyBytes: Number.NaN }, 'maxBodyBytes'],
    [{ temperature: 3 }, 'temperature'],
    [{ maxTokens: 0.5 }, 'maxTokens'],
    [{ timeouts: { idleMs: 0 } }, 'timeouts.idleMs'],
    [{ timeouts: { totalMs: 2 ** 31 } }, 'timeouts.totalMs'],
    [{ baseURL: 'https://me:secret@api.example.com/v1' }, 'baseURL'],
    [{ baseURL: 'api.example.com' }, 'baseURL'],
    [{ apiKey: 3 as never }, 'apiKey'],
    [{ maxTokensField: 'tokens' as never }, 'maxTokensField'],
    [{ timeouts: { headersMs: '5' as never } }, 'timeouts.headersMs'],
    [
      {
        client: {
          chat: { completions: { create: () => ({ asResponse: async () => new Response() }) } },
        },
      },
      'client',
    ],
  ] satisfies [Partial<OpenAiLlmOptions>, string][])(
    'that is wrong is refused at once: %j',
    (options, path) => {
      expect(() => setup.make(options)).toThrowError(
        expect.objectContaining({ code: 'option-invalid', details: { path } }) as Error,
      );
    },
  );

  test.each([
    [{ messages: [] }, 'messages'],
    [{ ...HELLO, temperature: -1 }, 'temperature'],
    [{ ...HELLO, timeoutMs: Number.NaN }, 'timeoutMs'],
    [{ ...HELLO, tools: [{ name: 'a' }, { name: 'a' }] }, 'tools'],
    [{ messages: [{ role: 'tool', content: '3' }] }, 'messages[0].toolCallId'],
    [{ messages: [{ role: 'owner' as never, content: '3' }] }, 'messages[0].role'],
    [{ messages: [null as never] }, 'messages[0].role'],
    [{ messages: [{ role: 'user' } as never] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: '', images: 'a.png' as never }] }, 'messages[0].images'],
    [{ ...HELLO, format: { $ref: 3 } }, 'format'],
    [{ ...HELLO, format: { properties: { a: { pattern: '(' } } } }, 'format'],
    [{ ...HELLO, format: 'xml' as never }, 'format'],
    [{ ...HELLO, format: null as never }, 'format'],
  ] satisfies [LlmRequest, string][])(
    'of a request that is wrong is refused before it is sent: %j',
    async (request, path) => {
      expect(await failure(setup.make().complete(request))).toMatchObject({
        code: 'option-invalid',
        details: { path },
      });
      expect(setup.server.sockets()).toBe(0);
    },
  );
});
