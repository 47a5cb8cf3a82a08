/** Schemas that a hostile server sends (K6): nothing is fetched, and everything takes a bounded time. */
import { PantheonError } from '@promethean/pantheon-core';
import { noteFigures } from '@promethean/services/figures';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { makeMcpTools } from '../src/index.ts';
import { readTool } from '../src/remote-tool.ts';
import type { WireTool } from './servers/fixture-tools.ts';
import { listen, startModernServer, stop } from './servers/http-servers.ts';

type Schema = Readonly<Record<string, unknown>>;

const nested = (depth: number): Schema => {
  let schema: Schema = { type: 'string' };
  for (let level = 0; level < depth; level += 1)
    schema = { type: 'object', properties: { a: schema } };
  return schema;
};

/** Each definition asks for the next one twice: 2^40 checks. */
const doubling = (): Schema => {
  const definitions: Record<string, unknown> = { d40: { type: 'string' } };
  for (let level = 0; level < 40; level += 1) {
    const $ref = `#/$defs/d${level + 1}`;
    definitions[`d${level}`] = { allOf: [{ $ref }, { $ref }] };
  }
  return { properties: { text: { $ref: '#/$defs/d0' } }, $defs: definitions };
};

test('are refused or checked in bounded time, and no reference is followed', async (context) => {
  let fetches = 0;
  const trap = createServer((_, response) => {
    fetches += 1;
    response.end('{}');
  });
  const trapUrl = await listen(trap);
  onTestFinished(() => stop(trap));

  const catastrophic = '^(([a-z])+.)+[A-Z]([a-z])+$';
  const schemas: Readonly<Record<string, Schema>> = {
    remote_ref: { properties: { text: { $ref: `${trapUrl}/schema.json` } } },
    remote_dynamic_ref: { properties: { text: { $dynamicRef: `${trapUrl}/schema.json` } } },
    remote_id: { $id: `${trapUrl}/base.json`, properties: { text: { $ref: 'other.json' } } },
    many: {
      properties: Object.fromEntries(
        Array.from({ length: 100_000 }, (_, n) => [`p${n}`, { type: 'string' }]),
      ),
    },
    deep: nested(2_000),
    pattern: { properties: { text: { type: 'string', pattern: catastrophic } } },
    pattern_properties: {
      patternProperties: { [catastrophic]: { type: 'string' } },
      additionalProperties: false,
    },
    doubling: doubling(),
    endless: { properties: { text: { $ref: '#/properties/text' } } },
    fine: { properties: { text: { type: 'string' } } },
  };
  const tools = Object.entries(schemas).map(([name, schema]): WireTool => ({
    name,
    inputSchema: { type: 'object', ...schema },
  }));
  // The processor's time, because other work on the machine does not count.
  const start = process.cpuUsage();
  const read = tools.map((tool) => readTool('web', tool as never, () => ({})));
  const { user, system } = process.cpuUsage(start);
  const compileMs = Math.round((user + system) / 1_000);
  expect(read.filter(({ refusal }) => refusal !== undefined)).toHaveLength(5);

  let calls = 0;
  const server = await startModernServer({
    list: async () => tools,
    call: async () => (calls += 1),
  });
  onTestFinished(server.close);

  const port = makeMcpTools({ servers: { web: { url: server.url } } });
  onTestFinished(() => port.close());
  await port.ready();
  const offered = port.list().map(({ name }) => name.slice('web__'.length));
  expect(offered).toEqual(['pattern', 'pattern_properties', 'doubling', 'endless', 'fine']);

  const text = `${'a'.repeat(50_000)}!`;
  const outcomes: Record<string, unknown> = {};
  let slowestMs = 0;
  for (const name of Object.keys(schemas)) {
    const before = process.cpuUsage();
    outcomes[name] = await port.invoke(`web__${name}`, { text }).then(
      () => 'ok',
      (error: unknown) => (PantheonError.is(error) ? error.code : error),
    );
    const used = process.cpuUsage(before);
    slowestMs = Math.max(slowestMs, Math.round((used.user + used.system) / 1_000));
  }
  expect(outcomes).toEqual({
    remote_ref: 'tool-invalid',
    remote_dynamic_ref: 'tool-invalid',
    remote_id: 'tool-invalid',
    many: 'tool-invalid',
    deep: 'tool-invalid',
    pattern: 'ok',
    pattern_properties: 'ok',
    doubling: 'tool-invalid',
    endless: 'tool-invalid',
    fine: 'ok',
  });
  expect(calls).toBe(3);
  noteFigures(context, 'K6', { fetches, compileMs, slowestCallMs: slowestMs, tools: tools.length });
  expect(fetches).toBe(0);
  expect(compileMs).toBeLessThan(200);
  // The SDK's part and the server's are in it as well.
  expect(slowestMs).toBeLessThan(1_000);
});

test('of results are checked in bounded time, too', async () => {
  const outputSchema = {
    type: 'object',
    properties: { text: { type: 'string', pattern: '^(a+)+$' }, n: { type: 'number' } },
  };
  const results: Readonly<Record<string, unknown>> = {
    slow: { text: `${'a'.repeat(50_000)}!` },
    wrong: { n: 'x' },
  };
  const server = await startModernServer({
    list: async () =>
      Object.keys(results).map((name) => ({ name, inputSchema: { type: 'object' }, outputSchema })),
    call: async (name) => results[name],
  });
  onTestFinished(server.close);
  const port = makeMcpTools({ servers: { web: { url: server.url } } });
  onTestFinished(() => port.close());
  expect(await port.invoke('web__slow', {})).toEqual(results['slow']);
  await expect(port.invoke('web__wrong', {})).rejects.toMatchObject({
    code: 'tool-result-invalid',
  });
});
