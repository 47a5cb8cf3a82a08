import type { ToolSpec } from '@promethean/pantheon-core';
import { describe, expect, test } from 'vitest';
import { chooseTool } from './choose-tool.ts';

const object = (
  properties: object,
  required: readonly string[] = [],
): Readonly<Record<string, unknown>> => ({
  type: 'object',
  properties,
  required,
});
const text = { type: 'string' };

const TOOLS: readonly ToolSpec[] = [
  {
    name: 'search_documents',
    description: 'Searches the documents for passages about a question.',
    parameters: object({ query: text, limit: { type: 'integer', default: 8 } }, ['query']),
  },
  {
    name: 'read_document',
    description: 'Reads one document.',
    parameters: object({ path: text }, ['path']),
  },
  {
    name: 'list_documents',
    description: 'Lists the documents.',
    parameters: object({ folder: text }),
  },
  {
    name: 'calculate',
    description: 'Calculates an arithmetic expression.',
    parameters: object({ expression: text }, ['expression']),
  },
  {
    name: 'current_time',
    description: 'Tells the current time and date.',
    parameters: object({}),
    sideEffect: 'none',
  },
  {
    name: 'delete_everything',
    description: 'Deletes everything at once.',
    parameters: object({}),
    sideEffect: 'destructive',
  },
];

const chosen = (question: string): unknown[] => {
  const call = chooseTool(question, TOOLS);
  return call === undefined ? [] : [call.name, call.args];
};

describe('chooseTool', () => {
  test.each([
    ['What is 12 * (3 + 4)?', 'calculate', { expression: '12 * (3 + 4)' }],
    ['calculate 7 plus 5', 'calculate', { expression: '7 + 5' }],
    ['How much is 1,200 divided by 4?', 'calculate', { expression: '1200 / 4' }],
    ['what is 15 % of 80', 'calculate', { expression: '15 / 100 * 80' }],
    ['2^10 =', 'calculate', { expression: '2^10' }],
    ['List all documents', 'list_documents', {}],
    ['Which documents are there?', 'list_documents', {}],
    ['list the files in guide/setup', 'list_documents', { folder: 'guide/setup' }],
    ['Read guide/setup.md', 'read_document', { path: 'guide/setup.md' }],
    ['please show me the file "api/index.md"', 'read_document', { path: 'api/index.md' }],
    ['What is the current date and time?', 'current_time', {}],
  ])('%s', (question, name, args) => {
    expect(chosen(question)).toEqual([name, args]);
  });

  test.each([
    'How do I configure the server?',
    'Which files does the build write?',
    'What is in version 1.2.3?',
    'What happened on 2024-05-01?',
    'What does the option max-age=3600 do?',
    'Delete everything at once',
    'Where is setup.md mentioned?',
  ])('anything else is searched for: %s', (question) => {
    expect(chosen(question)).toEqual(['search_documents', { query: question }]);
  });

  test('a tool whose arguments the question does not hold is not called', () => {
    const tools: ToolSpec[] = [
      {
        name: 'search',
        description: 'Searches the documents.',
        parameters: object({ filter: { type: 'object' } }, ['filter']),
      },
    ];
    expect(chooseTool('What is a widget?', tools)).toBeUndefined();
    expect(chooseTool('What is a widget?', [])).toBeUndefined();
  });

  test('numbers, defaults and enumerations are filled in where the schema requires them', () => {
    const search: ToolSpec = {
      name: 'find_passages',
      description: 'Searches text',
      parameters: object(
        {
          question: text,
          count: { type: 'integer', minimum: 3 },
          mode: { enum: ['exact', 'fuzzy'], default: 'fuzzy' },
        },
        ['question', 'count', 'mode'],
      ),
    };
    expect(chooseTool('What is a widget?', [search])?.args).toEqual({
      question: 'What is a widget?',
      count: 3,
      mode: 'fuzzy',
    });
  });

  test('a tool with a hostile schema harms nothing', () => {
    const parameters = JSON.parse(
      '{"properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}',
    ) as object;
    chooseTool('x y z', [{ name: 'search', parameters: { ...parameters } }]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});
