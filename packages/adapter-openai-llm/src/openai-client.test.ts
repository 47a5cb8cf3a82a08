import { spawnSync } from 'node:child_process';
import { OpenAI } from 'openai';
import { describe, expect, test, vi } from 'vitest';
import { HELLO, failure, useSetup } from '../test/setup.ts';
import { status, text } from '../test/wire-server.ts';
import { makeOpenAiLlm } from './openai-llm.ts';

const setup = useSetup();

describe('a client that was passed in', () => {
  const own = (): OpenAI =>
    new OpenAI({ apiKey: 'sk-of-the-caller', baseURL: setup.server.url, maxRetries: 5 });

  test('is used as it is', async () => {
    setup.server.answer(text('hi'));
    const llm = makeOpenAiLlm({ client: own(), model: 'test' });
    expect(await llm.complete(HELLO)).toMatchObject({ content: 'hi' });
    expect(setup.server.requests[0]?.headers.authorization).toBe('Bearer sk-of-the-caller');
  });

  test('does not repeat on its own, and its key is in no error', async () => {
    setup.server.answer(status(500, {}, { message: 'sk-of-the-caller' }));
    const llm = makeOpenAiLlm({ client: own(), model: 'test', maxRetries: 0 });
    expect((await failure(llm.complete(HELLO))).message).not.toContain('sk-of');
    expect(setup.server.requests).toHaveLength(1);
  });
});

describe('a client of our own', () => {
  test('takes key and address from the environment, as the vendor does', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-of-environment');
    vi.stubEnv('OPENAI_BASE_URL', setup.server.url);
    try {
      setup.server.answer(text('hi'));
      await makeOpenAiLlm({ model: 'test' }).complete(HELLO);
      expect(setup.server.requests[0]?.headers.authorization).toBe('Bearer sk-of-environment');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('is refused without any key', () => {
    vi.stubEnv('OPENAI_API_KEY', undefined);
    try {
      expect(() => makeOpenAiLlm({ model: 'test', baseURL: setup.server.url })).toThrowError(
        expect.objectContaining({ code: 'option-invalid', details: { path: 'apiKey' } }) as Error,
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('sends the headers that were given', async () => {
    setup.server.answer(text('hi'));
    const headers = { 'x-tenant': 'one' };
    await setup.make({ headers, organization: 'org-1' }).complete(HELLO);
    expect(setup.server.requests[0]?.headers).toMatchObject({
      ...headers,
      'openai-organization': 'org-1',
    });
  });
});

test('an import opens nothing and ends by itself', () => {
  const entry = new URL('./index.ts', import.meta.url).href;
  const script = `await import(${JSON.stringify(entry)}); console.log(process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length)`;
  const args = ['--conditions=@promethean/source', '--input-type=module', '--eval', script];
  const { stdout, status: code } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ stdout, code }).toEqual({ stdout: '0\n', code: 0 });
});
