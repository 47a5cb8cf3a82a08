import { calling, completion, json } from './wire-server.ts';
import type { Answer } from './wire-server.ts';

const args = (value: unknown): Answer =>
  json(completion(calling({ id: 'a', name: 'add', args: value }), 'tool_calls'));

/** Answers of a model to which a tool `add` was offered, of which none may be acted upon; a model can do better when it is told. */
export const BROKEN_CALLS: readonly (readonly [what: string, answer: Answer])[] = [
  ['truncated arguments', args('{"n":')],
  ['arguments that are a string', args('"n"')],
  ['arguments that are a number', args('1')],
  ['arguments that are a list', args('[]')],
  ['arguments that are null', args('null')],
  ['arguments that are a list and no text', args([{ n: 1 }])],
  ['__proto__ in arguments that are no text', args(JSON.parse('{"__proto__":{"polluted":1}}'))],
  ['5 MB of arguments', args(JSON.stringify({ n: 'x'.repeat(5_000_000) }))],
  ['__proto__ in the arguments', args('{"n":{"__proto__":{"polluted":1}}}')],
  ['constructor in the arguments', args('{"n":[{"constructor":1}]}')],
  [
    'arguments that are 10,000 levels deep',
    args(`{"n":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
  ],
  [
    'an unknown tool',
    json(completion(calling({ id: 'a', name: 'drop', args: '{}' }), 'tool_calls')),
  ],
  [
    'a tool called constructor',
    json(completion(calling({ id: 'a', name: 'constructor', args: '{}' }))),
  ],
  ['no id', json(completion(calling({ name: 'add', args: '{}' }), 'tool_calls'))],
  [
    'two calls with the same id',
    json(
      completion(
        calling({ id: 'a', name: 'add', args: '{}' }, { id: 'a', name: 'add', args: '{}' }),
      ),
    ),
  ],
  [
    'tool calls announced and missing',
    json(completion({ role: 'assistant', content: 'x' }, 'tool_calls')),
  ],
  ['neither content nor tool calls', json(completion({ role: 'assistant', content: null }))],
];

/** What a stream may give as the index of a tool call, although it is not the next one. */
export const BROKEN_INDEXES: readonly unknown[] = [1, -1, 1e9, '__proto__', null, 0.5];
