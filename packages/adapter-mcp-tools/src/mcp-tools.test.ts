import type { ErrorCode } from '@promethean/pantheon-core';
import { makeMemoryTools } from '@promethean/pantheon-core/memory';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../test/processes.ts';
import {
  listen,
  startModernServer,
  startSessionServer,
  stop,
} from '../test/servers/http-servers.ts';
import { makeMcpTools, type McpTools, type McpToolsOptions } from './index.ts';
import { toolName } from './tool-name.ts';

const EVERYTHING = fileURLToPath(
  new URL(
    'dist/index.js',
    new URL('./', import.meta.resolve('@modelcontextprotocol/server-everything/package.json')),
  ),
);

/** A port to a server that serves the given list, and answers every call with the given result. */
const serving = async (
  listed: readonly Readonly<Record<string, unknown>>[],
  answer: unknown = { content: [] },
  options: Omit<McpToolsOptions, 'servers'> = {},
): Promise<McpTools> => {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString('utf8');
      const { id, method } = (text === '' ? {} : JSON.parse(text)) as {
        id?: unknown;
        method?: string;
      };
      const serverInfo = { name: 'bare', version: '1' };
      const results: Readonly<Record<string, unknown>> = {
        initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo },
        'tools/list': { tools: listed },
        'tools/call': answer,
      };
      const result = results[method ?? ''];
      if (id === undefined) response.writeHead(202).end();
      else {
        response.writeHead(200, { 'content-type': 'application/json' });
        const error = { code: -32_601, message: 'unknown method' };
        response.end(
          JSON.stringify({
            jsonrpc: '2.0',
            id,
            ...(result === undefined ? { error } : { result }),
          }),
        );
      }
    })();
  });
  const url = await listen(server);
  const tools = makeMcpTools({ servers: { bare: { url } }, ...options });
  onTestFinished(async () => {
    await tools.close();
    await stop(server);
  });
  await tools.ready();
  return tools;
};

const tool = (
  name: string,
  members: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  name,
  inputSchema: { type: 'object' },
  ...members,
});

const failing = (code: ErrorCode, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

describe('options', () => {
  const url = 'http://127.0.0.1:1/mcp';

  test.each<[Partial<McpToolsOptions>, string]>([
    [{ servers: { a__b: { url } } }, 'single "_"'],
    [{ servers: { a_: { url } } }, 'single "_"'],
    [{ servers: { '': { url } } }, 'A name of servers'],
    [
      { servers: { web: { url: 'ftp://example.com' } } },
      'servers.web.url must be an http: or https: address',
    ],
    [{ servers: { web: { url: 'https://user:pass@example.com' } } }, 'put them into headers'],
    [{ servers: { web: { url, command: 'node' } } }, 'either command or url'],
    [{ servers: { web: null as never } }, 'servers.web must be an object'],
    [{ servers: { web: {} as never } }, 'servers.web.command'],
    [
      { servers: { web: { command: 'node', env: { PORT: 1 as never } } } },
      'servers.web.env.PORT must be a string',
    ],
    [{ servers: {}, pin: { web: 'sha256-x' } }, 'pin.web names no server'],
    [
      { servers: { web: { url } }, tools: { web__a: { sideEffect: 'nothing' as never } } },
      'tools.web__a.sideEffect',
    ],
    [{ servers: { web: { url } }, tools: { webb__a: { approval: 'required' } } }, '"webb__a"'],
    [{ servers: { web: { url } }, tools: { 'a*': { approval: 'required' } } }, '"a*"'],
    [{ servers: undefined as never }, 'servers must be an object'],
    [{ servers: { web: { command: 'node', args: 'a.js' as never } } }, 'servers.web.args'],
    [{ servers: {}, allow: 'web__*' as never }, 'allow must be a list'],
    [{ servers: {}, timeoutMs: '5' as never }, 'timeoutMs must be'],
    [{ servers: {}, timeoutMs: 0 }, 'timeoutMs'],
    [{ servers: {}, connectTimeoutMs: Infinity }, 'connectTimeoutMs'],
    [{ servers: {}, maxResultBytes: 1 }, 'maxResultBytes'],
    [{ servers: {}, maxMessageBytes: 1 }, 'maxMessageBytes'],
  ])('%o throws option-invalid', (options, text) => {
    expect(() => makeMcpTools({ servers: {}, ...options })).toThrow(
      failing('option-invalid', text),
    );
  });

  test('a secret in the wrong place stays out of the message', () => {
    const servers = { web: { url: 'https://user:pa55word@example.com' } };
    expect(() => makeMcpTools({ servers })).toThrow(
      expect.objectContaining({
        message: expect.not.stringContaining('pa55word') as string,
      }) as Error,
    );
  });
});

describe('names', () => {
  test('are what models accept, and two tools never share one', () => {
    const names = [
      'a',
      'A',
      'a.b',
      'a_b',
      'a b',
      'ä',
      '',
      'x'.repeat(57),
      'x'.repeat(58),
      `${'x'.repeat(200)}1`,
      `${'x'.repeat(200)}2`,
    ];
    const made = names.map((name) => toolName('files', name));
    expect(made[0]).toBe('files__a');
    expect(made[7]).toBe(`files__${'x'.repeat(57)}`);
    expect(new Set(made).size).toBe(names.length);
    for (const name of made) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  test('that a server gives twice belong to nobody', async () => {
    const tools = await serving([tool('a'), tool('b'), tool('a')]);
    expect(tools.list().map(({ name }) => name)).toEqual(['bare__b']);
    await expect(tools.invoke('bare__a', {})).rejects.toEqual(
      failing('tool-duplicate', '"bare__a"'),
    );
  });

  test('of servers are not free for local tools', async () => {
    const tools = await serving([tool('a')]);
    expect(() => tools.register({ name: 'bare__mine', invoke: () => 1 })).toThrow(
      failing('tool-duplicate', 'belongs to the tools of server "bare"'),
    );
    tools.register({ name: 'other__mine', invoke: () => 1 });
    expect(tools.list().map(({ name }) => name)).toEqual(['bare__a', 'other__mine']);
    expect(await tools.invoke('other__mine', {})).toBe(1);
  });
});

describe('descriptions', () => {
  test('are cut, and hints can only make a tool more dangerous', async () => {
    const hints = { readOnlyHint: true, idempotentHint: true, destructiveHint: false };
    const tools = await serving(
      [
        tool('long', { description: 'x'.repeat(5_000), annotations: hints }),
        tool('bad', { annotations: { destructiveHint: true } }),
        tool('known', { annotations: { destructiveHint: true } }),
      ],
      undefined,
      {
        tools: {
          bare__known: { sideEffect: 'none', idempotent: true, approval: 'required', timeoutMs: 5 },
        },
      },
    );
    const [long, bad, known] = tools.list();
    expect(long?.description).toHaveLength(1_024);
    expect([long?.sideEffect, long?.idempotent, bad?.sideEffect]).toEqual([
      'write',
      undefined,
      'destructive',
    ]);
    expect(known).toMatchObject({
      sideEffect: 'none',
      idempotent: true,
      approval: 'required',
      timeoutMs: 5,
    });
  });

  test('that are handed out cannot be changed', async () => {
    const tools = await serving([tool('a', { inputSchema: { type: 'object', required: ['x'] } })]);
    const [spec] = tools.list();
    expect(() => Object.assign(spec?.parameters ?? {}, { required: [] })).toThrow(TypeError);
    expect(() => Object.assign(spec ?? {}, { name: 'b' })).toThrow(TypeError);
  });
});

describe('allow', () => {
  test('hides the others and denies them', async () => {
    const tools = await serving([tool('get_a'), tool('get_b'), tool('delete')], undefined, {
      allow: ['bare__get_*'],
    });
    expect(tools.list().map(({ name }) => name)).toEqual(['bare__get_a', 'bare__get_b']);
    await expect(tools.invoke('bare__delete', {})).rejects.toEqual(
      failing('permission-denied', '"allow"'),
    );
  });
});

describe('results', () => {
  const text = (value: string): unknown => ({ type: 'text', text: value });
  const image = {
    type: 'image',
    data: 'aGk=',
    mimeType: 'image/png',
    annotations: { priority: 1 },
  };
  const resource = { type: 'resource', resource: { uri: 'file:///a', text: 'x' } };
  const link = { type: 'resource_link', uri: 'file:///a', name: 'a' };

  test.each<[string, unknown, unknown]>([
    ['texts, joined', { content: [text('a'), text('b')] }, 'a\nb'],
    ['nothing', { content: [] }, undefined],
    [
      'structured content, preferred',
      { content: [text('{}')], structuredContent: { a: 1 } },
      { a: 1 },
    ],
    [
      'other blocks, marked by their type',
      { content: [text('see'), image, resource, link] },
      {
        content: [
          text('see'),
          { type: 'image', mimeType: 'image/png', data: 'aGk=' },
          resource,
          link,
        ],
      },
    ],
    ['half a surrogate, repaired', { content: [text('a\ud800')] }, 'a\ufffd'],
  ])('%s', async (_, answer, expected) => {
    const tools = await serving([tool('a')], answer);
    expect(await tools.invoke('bare__a', {})).toEqual(expected);
  });

  test.each<[string, unknown, ErrorCode, string]>([
    [
      'that are errors',
      { isError: true, content: [text('no such file')] },
      'tool-failed',
      'no such file',
    ],
    [
      'that are errors without a reason',
      { isError: true, content: [] },
      'tool-failed',
      'gave no reason',
    ],
    [
      'that are too large',
      { content: [text('ü'.repeat(600))] },
      'tool-result-too-large',
      'exceed 1000 bytes',
    ],
    [
      'that are too large in all',
      { structuredContent: { a: Array.from({ length: 600 }, () => 'x') }, content: [] },
      'tool-result-too-large',
      'result.a[',
    ],
    [
      'with a dangerous key',
      { structuredContent: JSON.parse('{"a":{"__proto__":{"x":1}}}') as unknown, content: [] },
      'tool-result-invalid',
      'result.a.__proto__',
    ],
  ])('%s reject', async (_, answer, code, message) => {
    const tools = await serving([tool('a')], answer, { maxResultBytes: 1_000 });
    await expect(tools.invoke('bare__a', {})).rejects.toEqual(failing(code, message));
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});

describe('arguments', () => {
  const throwing = {
    get secret(): never {
      throw new Error('no');
    },
  };

  test.each<[string, Record<string, unknown>, string]>([
    [
      'a __proto__ key',
      JSON.parse('{"a":{"__proto__":1}}') as Record<string, unknown>,
      'args.a.__proto__',
    ],
    ['a constructor key', { list: [{ constructor: 1 }] }, 'args.list[0].constructor'],
    ['NaN', { n: Number.NaN }, 'args.n: is NaN'],
    ['a date', { when: new Date(0) }, 'args.when: is not plain data'],
    ['too much', { text: 'x'.repeat(262_144) }, 'args.text'],
    ['a getter that throws', throwing, 'args: cannot be read'],
  ])('with %s are refused', async (_, args, message) => {
    const tools = await serving([tool('a')]);
    await expect(tools.invoke('bare__a', args)).rejects.toEqual(failing('action-invalid', message));
  });
});

describe('ready', () => {
  test('is not needed: the first call connects, and list knows nothing before', async () => {
    const server = await startSessionServer({
      list: async () => [{ name: 'a', inputSchema: { type: 'object' } }],
      call: async () => 'ran',
    });
    const tools = makeMcpTools({ servers: { web: { url: server.url } } });
    onTestFinished(async () => {
      await tools.close();
      await server.close();
    });
    expect(tools.list()).toEqual([]);
    expect(tools.hashes()).toEqual({});
    expect(server.opened()).toBe(0);
    const results = await Promise.all([tools.invoke('web__a', {}), tools.invoke('web__a', {})]);
    expect(results).toEqual(['ran', 'ran']);
    expect(server.opened()).toBe(1);
    await expect(tools.invoke('web__b', {})).rejects.toEqual(
      failing('tool-unknown', 'Known: "web__a".'),
    );
  });
});

test('a tool that needs a permission or an approval is not run before a caller could know that', async () => {
  const called: string[] = [];
  const server = await startSessionServer({
    list: async () =>
      ['plain', 'asked', 'wild'].map((name) => ({ name, inputSchema: { type: 'object' } })),
    call: async (name) => {
      called.push(name);
      return 'ran';
    },
  });
  const tools = makeMcpTools({
    servers: { web: { url: server.url } },
    tools: { web__asked: { approval: 'required' }, web__wild: { sideEffect: 'destructive' } },
  });
  onTestFinished(async () => {
    await tools.close();
    await server.close();
  });
  const first = await Promise.allSettled(
    ['web__asked', 'web__wild', 'web__plain'].map((name) => tools.invoke(name, {})),
  );
  expect(first).toMatchObject([
    { reason: { code: 'unavailable', retryable: true } },
    { reason: { code: 'unavailable', retryable: true } },
    { value: 'ran' },
  ]);
  expect(called).toEqual(['plain']);
  // From now on the list says what they need, and to ask for it is the caller's.
  expect(await tools.invoke('web__asked', {})).toBe('ran');
});

describe('close', () => {
  test('leaves a local port that was given open, and refuses everything else', async () => {
    const local = makeMemoryTools();
    local.register({ name: 'mine', invoke: () => 1 });
    const tools = makeMcpTools({ servers: {}, local });
    expect(await tools.invoke('mine', {})).toBe(1);
    await tools.close();
    expect(await local.invoke('mine', {})).toBe(1);
    await expect(tools.invoke('mine', {})).rejects.toEqual(failing('closed', 'closed'));
    await expect(tools.ready()).rejects.toEqual(failing('closed', 'closed'));
    expect(() => tools.list()).toThrow(failing('closed', 'closed'));
  });
});

describe('servers of both kinds of the protocol are understood', () => {
  test.each([startModernServer, startSessionServer])('%o', async (start) => {
    const server = await start({
      list: async () => [{ name: 'a', inputSchema: { type: 'object' } }],
      call: async (_, args) => args,
    });
    const tools = makeMcpTools({
      servers: { web: { url: server.url, headers: { authorization: 'Bearer x' } } },
    });
    expect(await tools.invoke('web__a', { b: [1, null] })).toEqual({ b: [1, null] });
    await tools.close();
    await server.close();
  });
});

describe("the protocol's reference server", () => {
  const use = async (server: McpToolsOptions['servers'][string]): Promise<void> => {
    const tools = makeMcpTools({ servers: { all: server } });
    await tools.ready();
    expect(tools.list().length).toBeGreaterThan(8);
    expect(await tools.invoke('all__echo', { message: 'hi' })).toBe('Echo: hi');
    await expect(tools.invoke('all__get-sum', { a: 'x', b: 2 })).rejects.toEqual(
      failing('action-invalid', 'args.a'),
    );
    expect(
      await tools.invoke('all__get-structured-content', { location: 'New York' }),
    ).toMatchObject({ conditions: 'Cloudy' });
    expect(await tools.invoke('all__get-tiny-image', {})).toMatchObject({
      content: [{ type: 'text' }, { type: 'image', mimeType: 'image/png' }, { type: 'text' }],
    });
    const slow = tools.invoke(
      'all__trigger-long-running-operation',
      { duration: 60, steps: 2 },
      { timeoutMs: 200 },
    );
    await expect(slow).rejects.toMatchObject({ code: 'timeout' });
    await tools.close();
  };

  test('serves over stdio', () => use({ command: process.execPath, args: [EVERYTHING, 'stdio'] }));

  test('serves over HTTP', async () => {
    // It cannot be told to choose a port itself.
    const free = createServer();
    const port = new URL(await listen(free)).port;
    await stop(free);
    const child = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
      env: { PATH: process.env['PATH'], PORT: port },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await until('the server to listen', () => said.includes('listening'));
    await use({ url: `http://127.0.0.1:${port}/mcp` });
  });
});
