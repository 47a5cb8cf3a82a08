import { json, lines } from './wire-server.ts';
import type { Answer } from './wire-server.ts';

/** The items that a model answers with. */
export const message = (
  text: string,
  type: 'output_text' | 'refusal' = 'output_text',
): unknown => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [type === 'refusal' ? { type, refusal: text } : { type, text, annotations: [] }],
});

export const functionCall = (id: unknown, name: unknown, args: unknown): unknown => ({
  type: 'function_call',
  id: `fc_${String(id)}`,
  call_id: id,
  name,
  arguments: args,
  status: 'completed',
});

const USAGE = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };

/** A whole answer of the Responses API, with these items. */
export const response = (
  output: unknown,
  change: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  error: null,
  incomplete_details: null,
  output,
  usage: USAGE,
  ...change,
});

/** An event of a stream. */
export const event = (type: string, rest: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;

export const textDelta = (delta: unknown): string =>
  event('response.output_text.delta', { item_id: 'msg_1', output_index: 0, delta });

/** The events that tell such an answer, with its text in two pieces. */
export const eventsOf = (whole: Readonly<Record<string, unknown>>): readonly string[] => {
  const output = (Array.isArray(whole['output']) ? whole['output'] : []) as readonly {
    readonly content?: readonly { readonly type: string; readonly text?: string }[];
  }[];
  const pieces = output.flatMap(({ content = [] }) =>
    content.flatMap(({ type, text = '' }) =>
      type === 'output_text' ? [text.slice(0, 4), text.slice(4)] : [],
    ),
  );
  return [
    event('response.created', { response: { ...whole, status: 'in_progress', output: [] } }),
    ...output.map((item, index) =>
      event('response.output_item.added', { output_index: index, item }),
    ),
    ...pieces.map(textDelta),
    ...output.map((item, index) =>
      event('response.output_item.done', { output_index: index, item }),
    ),
    event(`response.${String(whole['status'])}`, { response: whole }),
  ];
};

/** Answers whole, or in events where a stream was asked for. */
export const respond =
  (whole: Readonly<Record<string, unknown>>): Answer =>
  (target, request) =>
    request.body.stream === true
      ? lines(eventsOf(whole))(target, request)
      : json(whole)(target, request);
