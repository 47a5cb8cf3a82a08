import type { ErrorCode, Tool } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { makeManualTimers, type ManualTimers } from '@promethean/pantheon-testkit';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type FunctionTools, type FunctionToolsOptions, makeFunctionTools } from './index.ts';

const errorOf = async (promise: Promise<unknown>): Promise<PantheonError> => {
  const error: unknown = await promise.then(
    (value) => expect.fail(`resolved to ${String(value)}`),
    (reason: unknown) => reason,
  );
  if (!PantheonError.is(error)) expect.fail(`not a PantheonError: ${String(error)}`);
  return error;
};

const rejects = async (
  promise: Promise<unknown>,
  code: ErrorCode,
  text: string,
): Promise<PantheonError> => {
  const error = await errorOf(promise);
  expect(error).toMatchObject({ code, message: expect.stringContaining(text) as string });
  return error;
};

const portOf = (invoke: Tool['invoke'], options: FunctionToolsOptions = {}): FunctionTools =>
  makeFunctionTools({ ...options, tools: [{ name: 'tool', invoke }] });

const returning = (value: unknown, options?: FunctionToolsOptions): Promise<unknown> =>
  portOf(() => value, options).invoke('tool', {});

const never = (): Promise<never> => new Promise(() => undefined);

const nested = (depth: number): unknown => {
  let value: unknown = 'bottom';
  for (let level = 0; level < depth; level += 1) value = { next: value };
  return value;
};

describe('options', () => {
  test.each([
    [{ defaultTimeoutMs: 0 }, 'defaultTimeoutMs'],
    [{ defaultTimeoutMs: Number.NaN }, 'defaultTimeoutMs'],
    [{ defaultTimeoutMs: 2 ** 31 }, 'defaultTimeoutMs'],
    [{ maxResultBytes: 255 }, 'maxResultBytes'],
    [{ maxResultBytes: 2 ** 20 + 1 }, 'maxResultBytes'],
    [{ maxConcurrent: 0 }, 'maxConcurrent'],
    [{ maxConcurrent: 1.5 }, 'maxConcurrent'],
    [{ defaultTimeoutMs: '5' as never }, 'defaultTimeoutMs'],
    [{ allow: 'read_*' as never }, 'allow must be a list of names'],
  ])('%o throws option-invalid and names the option', (options, name) => {
    expect(() => makeFunctionTools(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(name) as string,
      }),
    );
  });

  test('a timeout of a call that is no time rejects with option-invalid', async () => {
    await rejects(
      portOf(() => 1).invoke('tool', {}, { timeoutMs: -1 }),
      'option-invalid',
      'timeoutMs',
    );
  });
});

describe('registration', () => {
  test.each([
    [{ invoke: 'no function' }, 'invoke'],
    [{ sideEffect: 'destructve' }, 'sideEffect'],
    [{ onUnknown: 'again' }, 'onUnknown'],
    [{ approval: 'Required' }, 'approval'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ maxResultBytes: 10 }, 'maxResultBytes'],
    [{ parameters: { type: 'string' } }, 'type "object"'],
    [{ parameters: { type: 'object', default: () => 1 } }, 'parameters.default'],
    [{ description: 3 as never }, 'description must be a string'],
  ])('a tool with %o throws tool-invalid and says what is wrong', (members, text) => {
    const tool = { name: 'tool', invoke: () => 1, ...members } as unknown as Tool;
    expect(() => makeFunctionTools().register(tool)).toThrow(
      expect.objectContaining({
        code: 'tool-invalid',
        message: expect.stringContaining(text) as string,
      }),
    );
  });

  test('a tool that is changed after its registration stays as it was registered', async () => {
    const tool = { name: 'tool', invoke: (): unknown => 'first', description: 'first' };
    const tools = makeFunctionTools({ tools: [tool] });
    tool.invoke = () => 'second';
    tool.description = 'second';
    expect(await tools.invoke('tool', {})).toBe('first');
    expect(tools.list()).toEqual([{ name: 'tool', description: 'first' }]);
  });

  test.each([
    ['outside', { $ref: 'https://example.com/schema.json' }, 'https://example.com/schema.json'],
    ['to nothing', { $ref: '#/$defs/none' }, '#/$defs/none'],
    ['to a type that is none', { type: 'strng' }, 'there is no type "strng"'],
    ['to a pattern that is none', { items: { pattern: '(' } }, 'Invalid regular expression'],
  ])('a schema that leads %s is refused, and nothing is fetched', (_, a, told) => {
    const parameters = { type: 'object', properties: { a } };
    expect(() =>
      makeFunctionTools({ tools: [{ name: 'tool', parameters, invoke: () => 1 }] }),
    ).toThrowError(
      expect.objectContaining({
        code: 'tool-invalid',
        message: expect.stringContaining(told) as string,
      }) as Error,
    );
  });
});

describe('allow', () => {
  const makeAllowing = (allow: readonly string[]): FunctionTools =>
    makeFunctionTools({
      allow,
      tools: ['read', 'web_get', 'web_post'].map((name) => ({ name, invoke: () => name })),
    });

  test('only the named tools are listed and invoked, exactly or by their beginning', async () => {
    const tools = makeAllowing(['read', 'web_*']);
    expect(tools.list().map(({ name }) => name)).toEqual(['read', 'web_get', 'web_post']);
    expect(await tools.invoke('web_get', {})).toBe('web_get');
  });

  test('a registered tool that is not named rejects with permission-denied and is not listed', async () => {
    const tools = makeAllowing(['web_get']);
    expect(tools.list().map(({ name }) => name)).toEqual(['web_get']);
    await rejects(tools.invoke('web_post', {}), 'permission-denied', '"web_post"');
    const unknown = await rejects(tools.invoke('delete', {}), 'tool-unknown', '"delete"');
    expect(unknown.message).toContain('Known: "web_get".');
  });
});

describe('arguments', () => {
  const proto = JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as Record<string, unknown>;
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = { again: cyclic };
  const throwing = {
    get secret(): never {
      throw new Error('no');
    },
  };
  const trap = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no');
      },
    },
  );

  test.each<[string, Record<string, unknown>, string]>([
    ['a __proto__ key', proto, 'args.a.__proto__: is a key that is not allowed'],
    ['a constructor key', { list: [{ constructor: 1 }] }, 'args.list[0].constructor'],
    ['a prototype key', { prototype: {} }, 'args.prototype'],
    ['65 levels', nested(65) as Record<string, unknown>, 'deeper than 64 levels'],
    ['10,001 values', { list: Array.from({ length: 10_000 }, () => 0) }, 'args.list[9998]'],
    ['more than 256 KiB', { text: 'x'.repeat(262_144) }, 'args.text'],
    ['a cycle', cyclic, 'args.self.again: refers to an object that contains it'],
    ['NaN', { n: Number.NaN }, 'args.n: is NaN'],
    ['a bigint', { n: 1n }, 'args.n: is of the type bigint'],
    [
      'a Date',
      { when: new Date(0) },
      'args.when: is of the type Date, which is not plain data; use toISOString()',
    ],
    ['undefined in a list', { list: [undefined] }, 'args.list[0]: is of the type undefined'],
    ['a lone surrogate', { text: 'a\ud800b' }, 'args.text: has half of a surrogate pair'],
    ['a getter that throws', throwing, 'args.secret: cannot be read'],
    ['a proxy that throws', { trap }, 'args.trap: cannot be read'],
    ['an odd key', { 'a "b"': 1n }, 'args["a \\"b\\""]'],
  ])('with %s are refused before the tool sees them', async (_, args, text) => {
    let ran = 0;
    const tools = portOf(() => (ran += 1));
    await rejects(tools.invoke('tool', args), 'action-invalid', text);
    expect(ran).toBe(0);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('of 64 levels and with members that are undefined pass, those members left out', async () => {
    const tools = portOf((args) => Object.keys(args));
    expect(await tools.invoke('tool', nested(64) as Record<string, unknown>)).toEqual(['next']);
    expect(await tools.invoke('tool', { a: undefined, b: 1 })).toEqual(['b']);
  });

  test('are a copy, so that a tool cannot change what its caller holds', async () => {
    const args = { filter: { tags: ['a'] } };
    const tools = portOf((given) => {
      (given as typeof args).filter.tags.push('b');
      return 'done';
    });
    await tools.invoke('tool', args);
    expect(args).toEqual({ filter: { tags: ['a'] } });
  });

  test('name every fault that a JSON Schema finds at one place', async () => {
    const tools = makeFunctionTools();
    tools.register({
      name: 'tool',
      parameters: {
        type: 'object',
        properties: {
          url: { type: 'string', format: 'uri' },
          n: { anyOf: [{ type: 'string' }, { minimum: 3 }] },
        },
      },
      invoke: () => 1,
    });
    const error = await rejects(
      tools.invoke('tool', { url: 'no address' }),
      'action-invalid',
      'args.url',
    );
    expect(error.details).toEqual({
      tool: 'tool',
      issues: [{ path: 'args.url', message: 'String does not match format "uri"' }],
    });
    await rejects(
      tools.invoke('tool', { n: 1 }),
      'action-invalid',
      'args.n: Instance does not match any subschemas',
    );
  });
});

describe('results', () => {
  class Account {
    owner = 'x';
  }
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;

  test.each<[string, unknown, string]>([
    [
      'a Buffer',
      Buffer.from('abc'),
      "result is of the type Buffer, which is not plain data; use toString('base64')",
    ],
    ['a stream', { body: Readable.from([]) }, 'result.body is of the type Readable'],
    ['a cycle', cyclic, 'result.self refers'],
    ['a class instance', { account: new Account() }, 'result.account is of the type Account'],
    ['a Map', new Map(), 'use Object.fromEntries()'],
    ['a BigInt', { n: 1n }, 'result.n is of the type bigint'],
    ['a function', () => 1, 'result is of the type function'],
    ['a symbol', Symbol('s'), 'result is of the type symbol'],
    ['Infinity', [Infinity], 'result[0] is Infinity'],
    ['a __proto__ key', JSON.parse('{"__proto__":1}'), 'result.__proto__'],
  ])('that are %s reject with tool-result-invalid', async (_, value, text) => {
    await rejects(returning(value), 'tool-result-invalid', text);
  });

  test('too deep or too large reject with tool-result-too-large, whatever their size', async () => {
    await rejects(
      returning(nested(10_000)),
      'tool-result-too-large',
      'nested deeper than 64 levels',
    );
    const large = { rows: ['x'.repeat(100_000_000)] };
    const error = await rejects(returning(large), 'tool-result-too-large', 'result.rows[0]');
    expect(error.details).toMatchObject({ maxResultBytes: 65_536 });
    await rejects(
      returning(Array.from({ length: 1_000_000 }, () => 0)),
      'tool-result-too-large',
      'result[',
    );
  });

  test('that share an object without a cycle are plain data', async () => {
    const shared = { a: 1 };
    expect(await returning({ first: shared, second: [shared, shared] })).toEqual({
      first: { a: 1 },
      second: [{ a: 1 }, { a: 1 }],
    });
  });

  test('may have members named constructor, which stay data', async () => {
    expect(await returning({ constructor: 'Ferrari' })).toEqual({ constructor: 'Ferrari' });
  });

  test('that are too long strings are cut within the limit and say so', async () => {
    const text = await returning('😀'.repeat(25_000_000), { maxResultBytes: 1_000 });
    expect(text).toMatch(/^(😀)+\n\[truncated: the first \d+ of 50000000 characters\]$/u);
    expect(Buffer.byteLength(text as string)).toBeLessThanOrEqual(1_000);
    expect(Buffer.byteLength(text as string)).toBeGreaterThan(990);
  });

  test('that fit exactly are not cut', async () => {
    for (const text of ['x'.repeat(1_000), 'ü'.repeat(500), '']) {
      expect(await returning(text, { maxResultBytes: 1_000 })).toBe(text);
    }
    expect(await returning('ü'.repeat(501), { maxResultBytes: 1_000 })).toContain('[truncated');
  });

  test('keep to the limit of the tool where it has one', async () => {
    const tools = makeFunctionTools({
      tools: [{ name: 'tool', maxResultBytes: 300, invoke: () => ({ text: 'x'.repeat(300) }) }],
    });
    await rejects(tools.invoke('tool', {}), 'tool-result-too-large', '300 bytes');
  });

  test('are copies, so that a caller cannot change what the tool keeps', async () => {
    const kept = { list: [1] };
    const tools = portOf(() => kept);
    ((await tools.invoke('tool', {})) as typeof kept).list.push(2);
    expect(kept).toEqual({ list: [1] });
  });
});

describe('failures', () => {
  const trap = new Proxy(new Error('x'), {
    get: () => {
      throw new Error('trap');
    },
    getPrototypeOf: () => {
      throw new Error('trap');
    },
  });
  const cyclicCause = new Error('cyclic');
  cyclicCause.cause = cyclicCause;
  const badMessage = Object.defineProperty(new Error('x'), 'message', {
    get: () => {
      throw new Error('trap');
    },
  });

  test.each<[string, unknown, string]>([
    ['a string', 'plain text', 'plain text'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a proxy whose traps throw', trap, 'an error that cannot be read'],
    ['an error that is its own cause', cyclicCause, 'cyclic'],
    ['an error whose message throws', badMessage, 'an error that cannot be read'],
    ['an error with 100 MB of message', new Error('x'.repeat(100_000_000)), 'xxx'],
  ])(
    'a tool that throws %s rejects with tool-failed and a short message',
    async (_, thrown, text) => {
      const tools = portOf(() => {
        throw thrown;
      });
      const error = await rejects(tools.invoke('tool', {}), 'tool-failed', text);
      expect(error.cause).toBe(thrown);
      expect(error.message.length).toBeLessThan(2_100);
    },
  );

  test('a result whose then throws rejects with tool-failed', async () => {
    const thenable = Object.defineProperty({}, 'then', {
      get: () => {
        throw new Error('no then');
      },
    });
    await rejects(returning(thenable), 'tool-failed', 'no then');
  });
});

describe('timeouts', () => {
  const withTimers = (
    invoke: Tool['invoke'],
    options: FunctionToolsOptions = {},
  ): { tools: FunctionTools; timers: ManualTimers } => {
    const timers = makeManualTimers();
    return { tools: portOf(invoke, { ...options, timers }), timers };
  };

  test('end a call to a function that never returns, and leave nothing behind after 10,000 of them', async () => {
    const { tools, timers } = withTimers(never, { defaultTimeoutMs: 100 });
    const caller = new AbortController();
    const calls = Array.from({ length: 10_000 }, () =>
      errorOf(tools.invoke('tool', {}, { signal: caller.signal })),
    );
    await timers.advance(100);
    const errors = await Promise.all(calls);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['timeout']));
    expect(timers.pending()).toBe(0);
    await tools.close(); // Would wait for a call that is still counted as running.
  });

  test('of the caller come before those of the tool, and those before the default', async () => {
    const timers = makeManualTimers();
    const tools = makeFunctionTools({
      timers,
      defaultTimeoutMs: 300,
      tools: [
        { name: 'own', timeoutMs: 200, invoke: never },
        { name: 'none', invoke: never },
      ],
    });
    const ended: string[] = [];
    const note = (name: string, call: Promise<unknown>): void =>
      void call.catch(() => ended.push(name));
    note('default', tools.invoke('none', {}));
    note('tool', tools.invoke('own', {}));
    note('caller', tools.invoke('own', {}, { timeoutMs: 100 }));
    await timers.advance(100);
    expect(ended).toEqual(['caller']);
    await timers.advance(100);
    expect(ended).toEqual(['caller', 'tool']);
    await timers.advance(100);
    expect(ended).toEqual(['caller', 'tool', 'default']);
  });

  test('of Infinity set no timer', async () => {
    const { tools, timers } = withTimers(() => Promise.resolve('done'), {
      defaultTimeoutMs: Infinity,
    });
    const call = tools.invoke('tool', {});
    expect(timers.pending()).toBe(0);
    expect(await call).toBe('done');
  });

  test('say that the outcome is unknown, and are retryable for an idempotent tool only', async () => {
    const timers = makeManualTimers();
    const tools = makeFunctionTools({
      timers,
      tools: [
        { name: 'idempotent', idempotent: true, invoke: never },
        { name: 'other', invoke: never },
      ],
    });
    const calls = ['idempotent', 'other'].map((name) =>
      errorOf(tools.invoke(name, {}, { timeoutMs: 10 })),
    );
    await timers.advance(10);
    const [idempotent, other] = await Promise.all(calls);
    expect(idempotent).toMatchObject({ code: 'timeout', retryable: true });
    expect(other).toMatchObject({ code: 'timeout', retryable: false, details: { started: true } });
    expect(other?.message).toContain('outcome is unknown');
  });

  test('drop a late result without looking at it', async () => {
    let looks = 0;
    let give: (value: unknown) => void = () => undefined;
    const { tools, timers } = withTimers(() => new Promise((resolve) => (give = resolve)));
    const call = errorOf(tools.invoke('tool', {}, { timeoutMs: 10 }));
    await timers.advance(10);
    give({
      get member() {
        return (looks += 1);
      },
    });
    expect((await call).code).toBe('timeout');
    await timers.advance(10);
    expect(looks).toBe(0);
  });

  test('a synchronous tool sets no timer', async () => {
    const { tools, timers } = withTimers(() => 'done');
    const call = tools.invoke('tool', {});
    expect(timers.pending()).toBe(0);
    expect(await call).toBe('done');
  });
});

describe('maxConcurrent', () => {
  const makeSlots = (maxConcurrent: number) => {
    const timers = makeManualTimers();
    const open: (() => void)[] = [];
    const started: number[] = [];
    const tools = portOf(
      (args) => {
        started.push(args['n'] as number);
        return new Promise<void>((resolve) => open.push(resolve));
      },
      { timers, maxConcurrent },
    );
    return {
      timers,
      open,
      started,
      call: (n: number, more = {}) => tools.invoke('tool', { n }, more),
      tools,
    };
  };

  test('lets that many calls run and the others wait in their order', async () => {
    const { call, open, started, timers } = makeSlots(2);
    const calls = [0, 1, 2, 3].map((n) => call(n));
    expect(started).toEqual([0, 1]);
    open[1]?.();
    await calls[1];
    expect(started).toEqual([0, 1, 2]);
    open[0]?.();
    open[2]?.();
    await Promise.all([calls[0], calls[2]]);
    expect(started).toEqual([0, 1, 2, 3]);
    open[3]?.();
    await calls[3];
    expect(timers.pending()).toBe(0);
  });

  test('a waiting call that times out or is aborted never runs, and says so', async () => {
    const { call, open, started, timers } = makeSlots(1);
    const running = call(0);
    const caller = new AbortController();
    const late = errorOf(call(1, { timeoutMs: 50 }));
    const aborted = errorOf(call(2, { signal: caller.signal }));
    caller.abort();
    await timers.advance(50);
    expect(await late).toMatchObject({
      code: 'timeout',
      retryable: true,
      details: { started: false },
    });
    expect(await aborted).toMatchObject({ code: 'tick-cancelled', details: { started: false } });
    open[0]?.();
    await running;
    expect(started).toEqual([0]);
  });

  test('a call that is given up makes room, though its function may still run', async () => {
    const { call, started, open, timers } = makeSlots(1);
    const deaf = errorOf(call(0, { timeoutMs: 10 }));
    const next = call(1);
    await timers.advance(10);
    await deaf;
    expect(started).toEqual([0, 1]);
    open[1]?.();
    await next;
  });

  test('20,000 waiting synchronous calls overflow no stack', async () => {
    let release = (): void => undefined;
    const tools = portOf(
      (args) => (args['wait'] === true ? new Promise<void>((resolve) => (release = resolve)) : 1),
      { maxConcurrent: 1 },
    );
    const first = tools.invoke('tool', { wait: true });
    const others = Array.from({ length: 20_000 }, () => tools.invoke('tool', {}));
    release();
    await first;
    expect((await Promise.all(others)).length).toBe(20_000);
  });
});

describe('close', () => {
  test('waits for calls that run and for those that wait', async () => {
    const open: (() => void)[] = [];
    const tools = portOf(() => new Promise<void>((resolve) => open.push(resolve)), {
      maxConcurrent: 1,
    });
    const calls = [tools.invoke('tool', {}), tools.invoke('tool', {})];
    let closed = false;
    const closing = tools.close().then(() => (closed = true));
    open[0]?.();
    await calls[0];
    expect(closed).toBe(false);
    open[1]?.();
    await closing;
    await rejects(tools.invoke('tool', {}), 'closed', 'closed');
    expect(() => tools.register({ name: 'late', invoke: () => 1 })).toThrow(
      expect.objectContaining({ code: 'closed' }),
    );
  });
});
