import type { LlmRequest } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { HELLO, TOOL, failure, useSetup } from '../test/setup.ts';
import { message, respond, response } from '../test/wire-responses.ts';
import { calling, completion, json, text } from '../test/wire-server.ts';
import { isStrict } from './strict-schema.ts';

const setup = useSetup();

const SCHEMA = {
  type: 'object',
  properties: {
    items: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    },
  },
  required: ['items'],
} as const;
const REQUEST: LlmRequest = { ...HELLO, format: SCHEMA };

describe.each([
  ['chat', (content: string) => text(content), 'choices[0].message.content'],
  [
    'responses',
    (content: string) => respond(response([message(content)])),
    'output[0].content[0].text',
  ],
] as const)('an answer to a schema (%s)', (api, say, root) => {
  test('that fits is the content', async () => {
    setup.server.answer(say('{"items":[{"name":"a"}]}'));
    expect(await setup.make({ api }).complete(REQUEST)).toMatchObject({
      content: '{"items":[{"name":"a"}]}',
    });
  });

  test.each([
    ['Sure! {"items":[]}', ''],
    ['[]', ''],
    ['{}', ''],
    ['{"items":{}}', '.items'],
    ['{"items":[{"name":"a"},{"name":1}]}', '.items[1].name'],
  ])('that is %s is malformed after one repair, at the path "%s"', async (content, path) => {
    setup.server.answer(say(content));
    expect(await failure(setup.make({ api }).complete(REQUEST))).toMatchObject({
      code: 'llm-malformed',
      details: { path: root + path, usage: { totalTokens: 10 } },
    });
    expect(setup.server.requests).toHaveLength(2);
    expect(JSON.stringify(setup.server.requests[1]?.body)).toContain(root + path);
  });

  test('that does not fit is repaired', async () => {
    setup.server.answer(say('{"items":1}'), say('{"items":[]}'));
    expect(await setup.make({ api }).complete(REQUEST)).toMatchObject({ content: '{"items":[]}' });
  });

  test('that is deeper than the stack is malformed', async () => {
    const format = { $defs: { n: { items: { $ref: '#/$defs/n' } } }, $ref: '#/$defs/n' };
    setup.server.answer(say(`${'['.repeat(100_000)}${']'.repeat(100_000)}`));
    const error = await failure(setup.make({ api }).complete({ ...HELLO, format }));
    expect(error).toMatchObject({ code: 'llm-malformed' });
  });
});

test('an answer with a tool call comes before the one that the schema is for', async () => {
  const call = calling({ id: 'a', name: 'add', args: '{}' });
  setup.server.answer(json(completion(call, 'tool_calls')));
  const answer = await setup.make().complete({ ...TOOL, format: SCHEMA });
  expect(answer).toMatchObject({ toolCalls: [{ name: 'add' }] });
});

test('a schema that cannot be used is refused before anything is sent; nothing is fetched for it', async () => {
  for (const $ref of ['#/$defs/none', `${setup.server.url}/schema`]) {
    for (const format of [{ $ref }, { type: 'object', properties: { a: { $ref } } }]) {
      expect(await failure(setup.make().complete({ ...HELLO, format }))).toMatchObject({
        code: 'option-invalid',
        details: { path: 'format' },
      });
    }
  }
  expect(setup.server.sockets()).toBe(0);
});

const object = (properties: object, rest: object = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...rest,
});
test.each([
  [
    true,
    object({ a: { type: ['string', 'null'] }, b: { anyOf: [{ type: 'number' }, object({})] } }),
  ],
  [true, object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: object({ a: { enum: ['x'] } }) } })],
  [true, object({ a: { type: 'array', items: object({}), minItems: 1 } })],
  [false, { type: 'string' }],
  [false, { anyOf: [object({})] }],
  [false, object({ a: { type: 'string' } }, { required: [] })],
  [false, object({}, { additionalProperties: true })],
  [false, object({ a: {} })],
  [false, object({ a: { properties: {} } })],
  [false, object({ a: { type: 'array', items: { type: 'object' } } })],
  [false, object({ a: { type: 'object', patternProperties: {}, additionalProperties: false } })],
  [false, object({ a: { allOf: [object({})] } })],
  [false, object({}, { $defs: { a: { type: 'object' } } })],
])('strict is %s for %j', (strict, schema) => {
  expect(isStrict(schema)).toBe(strict);
});
