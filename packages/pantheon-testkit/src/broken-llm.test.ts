import type { ILlmPort, LlmChunk, LlmRequest, Message } from '@promethean/pantheon-core';
import type { PantheonError } from '@promethean/pantheon-core';
import {
  describeBroken,
  describeProved,
  codeOf,
  insteadOf,
  type Wrap,
} from '../test/broken-ports.ts';
import { makeScriptedLlmHarness } from './memory-harnesses.ts';
import { llmSuite } from './index.ts';

const completeOf =
  (complete: (llm: ILlmPort, request: LlmRequest) => Promise<Message>): Wrap<ILlmPort> =>
  (llm) => ({
    ...llm,
    complete: (request) => complete(llm, request),
  });

type Stream = NonNullable<ILlmPort['stream']>;

const streamOf =
  (around: (stream: Stream, request: LlmRequest) => AsyncIterable<LlmChunk>): Wrap<ILlmPort> =>
  (llm) => {
    const { stream } = llm;
    return stream === undefined ? llm : { ...llm, stream: (request) => around(stream, request) };
  };

/** Streams a text where the port throws with that code. */
const streamInsteadOf = (code: string, isMeant: (request: LlmRequest) => boolean): Wrap<ILlmPort> =>
  streamOf(async function* (stream, request) {
    try {
      yield* stream(request);
    } catch (error) {
      if (codeOf(error) !== code || !isMeant(request)) throw error;
      yield { type: 'message', message: { role: 'assistant', content: 'I tried.' } };
    }
  });

describeBroken<ReturnType<typeof makeScriptedLlmHarness>, ILlmPort>(
  'a model',
  llmSuite,
  makeScriptedLlmHarness,
  [
    ['keeps every rule', [], (llm) => llm],
    [
      'cannot be stopped while it streams',
      ['llm:4'],
      streamOf((stream, request) =>
        stream(request.signal?.aborted === true ? request : { ...request, signal: undefined }),
      ),
    ],
    [
      'streams without a time limit',
      ['llm:5'],
      streamOf((stream, request) => stream({ ...request, timeoutMs: undefined })),
    ],
    [
      'gives half of the time that it was given',
      ['llm:5'],
      completeOf((llm, request) =>
        llm.complete(request.timeoutMs === undefined ? request : { ...request, timeoutMs: 20 }),
      ),
    ],
    [
      'loses the tool calls of a stream',
      ['llm:7'],
      streamOf(async function* (stream, request) {
        for await (const chunk of stream(request)) {
          if (chunk.type === 'text') yield chunk;
          else yield { ...chunk, message: { ...chunk.message, toolCalls: [] } };
        }
      }),
    ],
    [
      'loses the usage of a stream',
      ['llm:7'],
      streamOf(async function* (stream, request) {
        for await (const chunk of stream(request)) {
          if (chunk.type === 'text') yield chunk;
          else yield { ...chunk, message: { ...chunk.message, usage: undefined as never } };
        }
      }),
    ],
    [
      'streams a malformed tool call as a text',
      ['llm:7'],
      streamInsteadOf('llm-malformed', ({ tools }) => tools !== undefined),
    ],
    ['streams after close', ['port:2'], streamInsteadOf('closed', () => true)],
    [
      'trims what the model wrote',
      ['llm:1'],
      completeOf(async (llm, request) => {
        const message = await llm.complete(request);
        return { ...message, content: message.content.trim() };
      }),
    ],
    [
      'gives all tool calls the same id',
      ['llm:2'],
      completeOf(async (llm, request) => {
        const message = await llm.complete(request);
        return message.toolCalls === undefined
          ? message
          : { ...message, toolCalls: message.toolCalls.map((call) => ({ ...call, id: 'call' })) };
      }),
    ],
    [
      'answers a malformed tool call as a text',
      ['llm:2'],
      completeOf((llm, request) =>
        request.tools === undefined
          ? llm.complete(request)
          : insteadOf(llm.complete(request), 'llm-malformed', () => ({
              role: 'assistant',
              content: 'I tried.',
            })),
      ),
    ],
    [
      'answers an empty choice as a success',
      ['llm:3'],
      completeOf((llm, request) =>
        request.tools === undefined
          ? insteadOf(llm.complete(request), 'llm-malformed', () => ({
              role: 'assistant',
              content: '',
            }))
          : llm.complete(request),
      ),
    ],
    [
      'answers half an answer as a success',
      ['llm:3'],
      completeOf((llm, request) =>
        insteadOf(llm.complete(request), 'llm-truncated', () => ({
          role: 'assistant',
          content: 'Once upon a',
        })),
      ),
    ],
    [
      'leaks a listener',
      ['llm:4'],
      completeOf((llm, request) => {
        request.signal?.addEventListener('abort', () => undefined);
        return llm.complete(request);
      }),
    ],
    [
      'does not look at the signal',
      ['llm:4'],
      completeOf((llm, request) => llm.complete({ ...request, signal: undefined })),
    ],
    [
      'never times out',
      ['llm:5'],
      completeOf((llm, request) => llm.complete({ ...request, timeoutMs: undefined })),
    ],
    [
      'answers without being asked',
      ['llm:6'],
      completeOf((llm, request) =>
        request.messages.length === 0
          ? Promise.resolve({ role: 'assistant', content: 'Hm?' })
          : llm.complete(request),
      ),
    ],
    [
      'streams words without what is between them',
      ['llm:7'],
      (llm) => ({
        ...llm,
        stream: async function* (request) {
          for await (const chunk of llm.stream?.(request) ?? []) {
            yield chunk.type === 'text' ? { ...chunk, text: chunk.text.trim() } : chunk;
          }
        },
      }),
    ],
    [
      'writes into what it was handed',
      ['port:1'],
      completeOf((llm, request) => {
        if (Object.isFrozen(request)) Object.assign(request, { model: 'default' });
        return llm.complete(request);
      }),
    ],
    [
      'answers after close',
      ['port:2'],
      completeOf((llm, request) =>
        insteadOf(llm.complete(request), 'closed', () => ({
          role: 'assistant',
          content: 'Still here.',
        })),
      ),
    ],
    [
      "lets the vendor's error through",
      ['port:3'],
      completeOf((llm, request) =>
        llm.complete(request).catch((error: unknown) => {
          throw codeOf(error) === 'llm-failed' ? (error as PantheonError).cause : error;
        }),
      ),
    ],
    [
      'answers in the role of the user',
      ['harness:1', 'llm:1', 'llm:2'],
      completeOf(async (llm, request) => ({ ...(await llm.complete(request)), role: 'user' })),
    ],
    [
      'counts a token too many',
      ['llm:1', 'llm:7'],
      completeOf(async (llm, request) => {
        const { usage, ...message } = await llm.complete(request);
        return usage === undefined
          ? message
          : { ...message, usage: { ...usage, outputTokens: (usage.outputTokens ?? 0) + 1 } };
      }),
    ],
    [
      'drops the text before a tool call',
      ['llm:1', 'llm:7'],
      completeOf(async (llm, request) => {
        const message = await llm.complete(request);
        return (message.toolCalls ?? []).length === 0 ? message : { ...message, content: '' };
      }),
    ],
    [
      'leaks the listener of a stream that is left',
      ['llm:7'],
      streamOf(async function* (stream, request) {
        const listener = (): void => undefined;
        request.signal?.addEventListener('abort', listener);
        let isLeft = true;
        try {
          for await (const chunk of stream(request)) {
            isLeft = chunk.type === 'text';
            yield chunk;
          }
        } catch (error) {
          isLeft = false;
          throw error;
        } finally {
          if (!isLeft) request.signal?.removeEventListener('abort', listener);
        }
      }),
    ],
  ],
);

describeProved(llmSuite);
