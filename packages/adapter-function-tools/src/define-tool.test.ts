import { makeMemoryTools } from '@promethean/pantheon-core/memory';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, makeFunctionTools } from './index.ts';

const makeFetchPage = (seen: unknown[] = []) =>
  defineTool({
    name: 'fetch_page',
    description: 'Fetches a page.',
    input: z.object({
      url: z.url(),
      retries: z.number().int().default(2),
      headers: z.looseObject({}).optional(),
    }),
    sideEffect: 'none',
    idempotent: true,
    timeoutMs: 5_000,
    run: (args) => {
      seen.push(args);
      return `${args.url} ${args.retries.toFixed(1)}`;
    },
  });

/** A schema of a library that has no Standard JSON Schema; its validation is asynchronous. */
const evenNumber: StandardSchemaV1<{ n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'handmade',
    validate: async (value) => {
      const { n } = value as { n: number };
      return n % 2 === 0
        ? { value: { n } }
        : { issues: [{ message: 'must be even', path: [{ key: 'n' }] }] };
    },
  },
};

describe('the description of a tool', () => {
  test.each([
    ['input', {}],
    ['input', { input: { type: 'object' } }],
    ['output', { input: z.object({}), output: { type: 'object' } }],
    ['run', { input: z.object({}), run: undefined }],
  ])('without a usable %s is refused: %j', (member, definition) => {
    const define = () => defineTool({ name: 'a', run: () => 1, ...definition } as never);
    expect(define).toThrowError(
      expect.objectContaining({
        code: 'tool-invalid',
        message: expect.stringContaining(`Tool "a": ${member} must be`) as string,
      }) as Error,
    );
  });

  test('has the JSON Schema of what may be passed, and everything that was defined', () => {
    const { invoke: _, ...spec } = makeFetchPage();
    expect(spec).toEqual({
      name: 'fetch_page',
      description: 'Fetches a page.',
      sideEffect: 'none',
      idempotent: true,
      timeoutMs: 5_000,
      parameters: {
        type: 'object',
        properties: {
          url: { type: 'string', format: 'uri' },
          retries: {
            type: 'integer',
            default: 2,
            minimum: -9007199254740991,
            maximum: 9007199254740991,
          },
          headers: { type: 'object', properties: {}, additionalProperties: {} },
        },
        required: ['url'],
      },
    });
  });

  test('takes explicit parameters for a schema without JSON Schema', () => {
    const parameters = { type: 'object', properties: { n: { type: 'number' } } };
    const tool = defineTool({ name: 'half', input: evenNumber, parameters, run: ({ n }) => n / 2 });
    expect(tool.parameters).toEqual(parameters);
  });

  test.each([
    [
      'a library without Standard JSON Schema',
      evenNumber,
      'of handmade does not offer Standard JSON Schema',
    ],
    [
      'a schema that JSON Schema cannot express',
      z.object({ when: z.date() }),
      'cannot be derived from the schema',
    ],
    ['a schema of something else than an object', z.string(), 'type "object"'],
  ])('cannot be made from %s', (_, input, text) => {
    expect(() => defineTool({ name: 'tool', input, run: () => 1 })).toThrow(
      expect.objectContaining({
        code: 'tool-invalid',
        message: expect.stringContaining(text) as string,
      }),
    );
  });
});

describe('arguments', () => {
  test('reach run as the schema made them', async () => {
    const tools = makeFunctionTools({ tools: [makeFetchPage()] });
    expect(await tools.invoke('fetch_page', { url: 'https://example.com' })).toBe(
      'https://example.com 2.0',
    );
  });

  test('that do not validate are named one by one, and run is not called', async () => {
    const seen: unknown[] = [];
    const tools = makeFunctionTools({ tools: [makeFetchPage(seen)] });
    await expect(tools.invoke('fetch_page', { url: 'no', retries: 'x' })).rejects.toMatchObject({
      code: 'action-invalid',
      message: expect.stringContaining('args.url: Invalid URL; args.retries: ') as string,
      details: { tool: 'fetch_page', issues: [{ path: 'args.url' }, { path: 'args.retries' }] },
    });
    expect(seen).toEqual([]);
  });

  test('with dangerous keys are refused before a permissive schema sees them', async () => {
    let validated = 0;
    const tool = defineTool({
      name: 'any',
      input: z.any().refine(() => (validated += 1) > 0),
      parameters: { type: 'object' },
      run: () => 1,
    });
    const tools = makeFunctionTools({ tools: [tool] });
    const args = JSON.parse('{"x":{"__proto__":{"polluted":true}}}') as Record<string, unknown>;
    await expect(tools.invoke('any', args)).rejects.toMatchObject({ code: 'action-invalid' });
    expect(validated).toBe(0);
  });

  test('are validated by an asynchronous schema as well', async () => {
    const tool = defineTool({
      name: 'half',
      input: evenNumber,
      parameters: { type: 'object' },
      run: ({ n }) => n / 2,
    });
    const tools = makeFunctionTools({ tools: [tool] });
    expect(await tools.invoke('half', { n: 8 })).toBe(4);
    await expect(tools.invoke('half', { n: 7 })).rejects.toMatchObject({
      code: 'action-invalid',
      message: expect.stringContaining('args.n: must be even') as string,
    });
  });

  test('are validated whatever port the tool is registered with', async () => {
    const tools = makeMemoryTools();
    tools.register(makeFetchPage());
    await expect(tools.invoke('fetch_page', { url: 'no' })).rejects.toMatchObject({
      code: 'action-invalid',
      message: expect.stringContaining('args.url') as string,
    });
    expect(await tools.invoke('fetch_page', { url: 'https://example.com' })).toContain('2.0');
  });
});

describe('results', () => {
  const makeCount = (result: unknown) =>
    defineTool({
      name: 'count',
      input: z.object({}),
      output: z.object({
        rows: z.number(),
        at: z.string().transform((text) => text.toUpperCase()),
      }),
      run: () => result as { rows: number; at: string },
    });

  test('are what the output schema makes of them', async () => {
    const tools = makeFunctionTools({
      tools: [makeCount(Promise.resolve({ rows: 3, at: 'x', extra: 1 }))],
    });
    expect(await tools.invoke('count', {})).toEqual({ rows: 3, at: 'X' });
  });

  test('that do not validate reject with tool-result-invalid and the path', async () => {
    const tools = makeFunctionTools({ tools: [makeCount({ rows: '3', at: 'x' })] });
    await expect(tools.invoke('count', {})).rejects.toMatchObject({
      code: 'tool-result-invalid',
      message: expect.stringContaining('result.rows') as string,
    });
  });
});

describe('the call', () => {
  test('has a signal, also where the port gives none', async () => {
    const seen: unknown[] = [];
    const tool = defineTool({
      name: 'tool',
      input: z.object({}),
      run: (_, call) => {
        seen.push(call.signal.aborted, call.actorId);
      },
    });
    await tool.invoke({}, { actorId: 'a' });
    await makeFunctionTools({ tools: [tool] }).invoke('tool', {}, { actorId: 'b' });
    expect(seen).toEqual([false, 'a', false, 'b']);
  });
});
