import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AzureOpenAI, OpenAI } from 'openai';
import { describe, expect, test, vi } from 'vitest';
import { HELLO, KEY, collect, failure, useSetup } from '../test/setup.ts';
import { message, respond, response } from '../test/wire-responses.ts';
import { END, delta, lines, status, text } from '../test/wire-server.ts';
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

  test('may be one of Azure, and is used for the Responses API as well', async () => {
    setup.server.answer(respond(response([message('hi')])));
    const client = new AzureOpenAI({
      apiKey: 'key-of-the-caller',
      apiVersion: 'v',
      baseURL: setup.server.url,
    });
    const llm = makeOpenAiLlm({ client, model: 'test', api: 'responses' });
    expect(await llm.complete(HELLO)).toMatchObject({ content: 'hi' });
    expect(setup.server.requests[0]?.url).toBe('/v1/responses?api-version=v');
  });

  test('must have the API that is asked for', () => {
    const { chat, responses } = own();
    for (const options of [
      { api: 'responses', client: { chat } },
      { api: 'chat', client: { responses } as never },
    ] as const) {
      expect(() => makeOpenAiLlm({ model: 'test', ...options })).toThrowError(
        expect.objectContaining({ code: 'option-invalid', details: { path: 'client' } }) as Error,
      );
    }
  });

  test('with a password in its address shows it in no error', async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: 'http://me:pa55word@127.0.0.1/v1' });
    const error = await failure(makeOpenAiLlm({ client, model: 'test' }).complete(HELLO));
    expect(error.message).toContain('http://[secret]@127.0.0.1/v1');
    expect(`${error.stack} ${(error.cause as Error).stack}`).not.toContain('pa55word');
  });

  test('does not repeat on its own, and its key is in no error', async () => {
    setup.server.answer(status(500, {}, { message: 'sk-of-the-caller' }));
    const llm = makeOpenAiLlm({ client: own(), model: 'test', maxRetries: 0 });
    expect((await failure(llm.complete(HELLO))).message).not.toContain('sk-of');
    expect(setup.server.requests).toHaveLength(1);
  });
});

/** Prints the files of the vendor's package that are loaded when the adapter is there, and after its first call. */
const LOADED = `
  import { Session } from 'node:inspector';
  const session = new Session();
  session.connect();
  let count = 0;
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (/[/]node_modules[/]openai[/]/.test(params.url)) count += 1;
  });
  session.post('Debugger.enable');
  const { makeOpenAiLlm } = await import(process.argv[1]);
  const baseURL = 'http://127.0.0.1:1/v1';
  const llm = makeOpenAiLlm({ model: 'test', apiKey: 'sk', baseURL, maxRetries: 0 });
  const before = count;
  await llm.complete({ messages: [{ role: 'user', content: 'hi' }] }).catch(() => {});
  console.log(JSON.stringify({ before, isLoaded: count > 0 }));
`;

describe('a client of our own', () => {
  test('is loaded with the first call: its package takes longer than all else', async () => {
    const module = new URL('./index.ts', import.meta.url).href;
    const options = ['--conditions=@promethean/source', '--input-type=module'];
    const args = [...options, '--eval', LOADED, module];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toEqual({ before: 0, isLoaded: true });
  });

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

  test('is refused for a password in the address of the environment, which no error shows', () => {
    vi.stubEnv('OPENAI_BASE_URL', 'http://me:pa55word@127.0.0.1/v1');
    try {
      expect(() => makeOpenAiLlm({ model: 'test', apiKey: KEY })).toThrowError(
        expect.objectContaining({
          code: 'option-invalid',
          details: { path: 'baseURL' },
          message: expect.not.stringContaining('pa55word') as string,
        }) as Error,
      );
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

describe('Azure', () => {
  const endpoint = (): string => new URL(setup.server.url).origin;
  const azure = (more: object = {}) => ({
    endpoint: endpoint(),
    apiVersion: '2024-10-21',
    ...more,
  });

  test('gets the deployment in the path, the version in the query and the key in its own header', async () => {
    setup.server.answer(text('hi'));
    const llm = setup.make({ baseURL: undefined, azure: azure({ deployment: 'my gpt' }) });
    expect(await llm.complete(HELLO)).toMatchObject({ content: 'hi' });
    const [request] = setup.server.requests;
    expect(request?.url).toBe(
      '/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21',
    );
    expect(request?.headers['api-key']).toBe(KEY);
    expect(request?.headers).not.toHaveProperty('authorization');
  });

  test('takes the name of the model for the deployment, in the stream as well', async () => {
    setup.server.answer(lines([delta({ content: 'hi' }), ...END]));
    const llm = setup.make({ baseURL: undefined, azure: azure({ endpoint: `${endpoint()}/` }) });
    expect(await collect(llm, { ...HELLO, model: 'gpt-x' })).toHaveLength(2);
    expect(setup.server.requests[0]?.url).toMatch(/^\/openai\/deployments\/gpt-x\/chat/);
  });

  test('is reached by a base URL that names the deployment', async () => {
    setup.server.answer(text('hi'));
    const baseURL = `${endpoint()}/openai/deployments/mine`;
    await setup.make({ baseURL, azure: { apiVersion: 'v' } }).complete(HELLO);
    expect(setup.server.requests[0]?.url).toBe(
      '/openai/deployments/mine/chat/completions?api-version=v',
    );
  });

  test('has the Responses API without a deployment in the path', async () => {
    setup.server.answer(respond(response([message('hi')])));
    const llm = setup.make({ baseURL: undefined, api: 'responses', azure: azure() });
    expect(await llm.complete(HELLO)).toMatchObject({ content: 'hi' });
    const [request] = setup.server.requests;
    expect(request?.url).toBe('/openai/responses?api-version=2024-10-21');
    expect(request?.body.model).toBe('test');
  });

  test('gets a fresh token where there is no key, and no error shows it', async () => {
    vi.stubEnv('AZURE_OPENAI_API_KEY', 'key-of-environment');
    try {
      setup.server.answer((target, request) =>
        status(401, {}, { message: request.headers.authorization })(target, request),
      );
      const tokens = ['token-one-of-entra', 'token-two-of-entra'];
      const apiKey = async (): Promise<string> => tokens.shift() ?? '';
      const llm = setup.make({ baseURL: undefined, apiKey, azure: azure() });
      for (let call = 0; call < 2; call += 1) {
        expect((await failure(llm.complete(HELLO))).message).toContain('Bearer [secret]');
      }
      const sent = setup.server.requests.map(({ headers }) => headers);
      expect(sent.map(({ authorization }) => authorization)).toEqual([
        'Bearer token-one-of-entra',
        'Bearer token-two-of-entra',
      ]);
      expect(sent[0]).not.toHaveProperty('api-key');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('takes what is left out from the environment', async () => {
    vi.stubEnv('AZURE_OPENAI_API_KEY', 'key-of-environment');
    vi.stubEnv('AZURE_OPENAI_ENDPOINT', endpoint());
    vi.stubEnv('OPENAI_API_VERSION', 'v-of-environment');
    vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:1/not-azure');
    try {
      setup.server.answer(text('hi'));
      await makeOpenAiLlm({ model: 'test', azure: {} }).complete(HELLO);
      const [request] = setup.server.requests;
      expect(request?.headers['api-key']).toBe('key-of-environment');
      expect(request?.url).toContain('?api-version=v-of-environment');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('follows no redirect, which would carry the key elsewhere', async () => {
    setup.server.answer(status(302, { location: `${endpoint()}/elsewhere` }));
    const llm = setup.make({ baseURL: undefined, azure: azure() });
    expect(await failure(llm.complete(HELLO))).toMatchObject({ details: { status: 302 } });
    expect(setup.server.requests).toHaveLength(1);
  });

  test.each([
    [{ azure: { endpoint: 'https://a.example' } }, 'azure.apiVersion'],
    [{ azure: { apiVersion: 'v' } }, 'azure.endpoint'],
    [{ azure: { apiVersion: 'v', endpoint: 'a.example' } }, 'azure.endpoint'],
    [
      { azure: { apiVersion: 'v', endpoint: 'https://a.example' }, baseURL: 'https://b.example' },
      'azure.endpoint',
    ],
  ])('is refused where something is missing or said twice: %j', (options, path) => {
    expect(() => setup.make({ baseURL: undefined, ...options })).toThrowError(
      expect.objectContaining({ code: 'option-invalid', details: { path } }) as Error,
    );
  });
});
