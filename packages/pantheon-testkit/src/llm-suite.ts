import assert from 'node:assert/strict';
import type {
  ILlmPort,
  LlmChunk,
  LlmRequest,
  Message,
  ToolSpec,
  Usage,
} from '@promethean/pantheon-core';
import { rejectsWith, turn, within } from './assertions.ts';
import { deepFreeze } from './freeze.ts';
import { noListener } from './signals.ts';
import type { Case, Harness, Suite } from './suite.ts';

/**
 * What the model behind the port shall answer next, once.
 * - an object: this text and these tool calls. `args` that is a string is sent as it is where a model sends JSON text, so that it can
 *   be malformed; `id` defaults to a fresh one.
 * - `empty`: an answer that is well formed but has neither text nor tool calls.
 * - `truncated`: an answer that a token limit cut off.
 * - `error`: the model's server fails and repeating does not help.
 * - `hang`: no answer at all.
 * - `stall`: an answer that begins and does not go on (needs `stall` in `supports`).
 */
export type LlmAnswer =
  | {
      readonly text?: string;
      readonly toolCalls?: readonly {
        readonly id?: string;
        readonly name: string;
        readonly args: unknown;
      }[];
      readonly usage?: Usage;
    }
  | 'empty'
  | 'truncated'
  | 'error'
  | 'hang'
  | 'stall';

/**
 * What the LLM suite needs. Capabilities for `supports`: `scriptable` (there is an `answerWith`), `tools` (the answers can have tool
 * calls), `usage` (the port reports it), `stream`, `stall`, `close`.
 */
export interface LlmHarness extends Harness {
  readonly llm: ILlmPort;
  /** Lets that much time pass for the port's timeouts: a manual clock's `advance`, or a real wait. */
  readonly advance: (ms: number) => Promise<void>;
  /** With `scriptable`: sets the next answer. Every answer is taken by one call, or stays. */
  readonly answerWith?: (answer: LlmAnswer) => void | Promise<void>;
  /** Resolves when the model behind the port has received the request under way. Default: one turn of the host. */
  readonly received?: () => Promise<void>;
  /** With injected timers: how many are set. Checked to be 0 after every call has settled. */
  readonly pending?: () => number;
}

const ADD: ToolSpec = {
  name: 'add',
  description: 'Adds two numbers.',
  parameters: {
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
  },
};
const LOOK_UP: ToolSpec = {
  name: 'look_up',
  description: 'Looks a word up.',
  parameters: { type: 'object' },
};
const TOOLS: readonly ToolSpec[] = [ADD, LOOK_UP];

const ask = (more: Partial<LlmRequest> = {}): LlmRequest => ({
  messages: [{ role: 'user', content: 'Good morning. What is on today?' }],
  ...more,
});

/** Sets the next answer, where the model can be told. */
const tell = async (harness: LlmHarness, answer: LlmAnswer): Promise<void> => {
  await harness.answerWith?.(answer);
};

/** Sets the next answer. */
const script = async (harness: LlmHarness, answer: LlmAnswer): Promise<void> => {
  assert.ok(harness.answerWith, 'a harness whose model can be told what to answer has answerWith');
  await harness.answerWith(answer);
};

/** Waits until a call that hangs has reached the model. */
const underWay = async (harness: LlmHarness): Promise<void> => {
  if (harness.received === undefined) await turn();
  else await within(harness.received(), 'the request');
};

const idle = (harness: LlmHarness): void => {
  if (harness.pending !== undefined)
    assert.equal(harness.pending(), 0, 'a settled call leaves no timer');
};

const requireAnswer = (message: Message): void => {
  assert.equal(message.role, 'assistant');
  assert.equal(typeof message.content, 'string');
  assert.ok(
    message.content !== '' || (message.toolCalls?.length ?? 0) > 0,
    'text, tool calls or both',
  );
};

const readStream = async (llm: ILlmPort, request: LlmRequest): Promise<readonly LlmChunk[]> => {
  assert.ok(llm.stream, 'a port that claims "stream" has it');
  const chunks: LlmChunk[] = [];
  for await (const chunk of llm.stream(request)) chunks.push(chunk);
  return chunks;
};

const closeOf = (llm: ILlmPort): Promise<void> => {
  assert.ok(llm.close, 'a port that claims "close" has it');
  return llm.close();
};

const SAME_ID = 'the same id twice';

/** The answers of a model that no port may pass on as a success. */
const MALFORMED_CALLS: readonly (readonly [what: string, answer: LlmAnswer])[] = [
  ['a tool that was not offered', { toolCalls: [{ name: 'remove_everything', args: {} }] }],
  ['arguments that are no JSON', { toolCalls: [{ name: 'add', args: '{"a": 1, "b":' }] }],
  ['arguments that are a list', { toolCalls: [{ name: 'add', args: '[1, 2]' }] }],
  ['arguments that are a text', { toolCalls: [{ name: 'add', args: '"one and two"' }] }],
  ['arguments that are null', { toolCalls: [{ name: 'add', args: 'null' }] }],
  [
    SAME_ID,
    {
      toolCalls: [
        { id: 'call-1', name: 'add', args: { a: 1, b: 2 } },
        { id: 'call-1', name: 'look_up', args: {} },
      ],
    },
  ],
];

const cases: readonly Case<LlmHarness>[] = [
  {
    id: 'llm:1',
    title: 'complete resolves to one message of the assistant',
    run: async (harness) => {
      await tell(harness, { text: 'Good morning.' });
      requireAnswer(await within(harness.llm.complete(ask()), 'the call'));
      idle(harness);
    },
  },
  {
    id: 'llm:1b',
    title: 'the text is what the model wrote, to the character',
    requires: 'scriptable',
    run: async (harness) => {
      for (const text of [
        'Good morning.',
        '  spaced\n\n```js\n"x"\n```\t',
        '日本語 🙂 \\n "quoted"',
      ]) {
        await script(harness, { text });
        const message = await within(harness.llm.complete(ask()), 'the call');
        assert.equal(message.content, text);
        assert.deepEqual(message.toolCalls ?? [], []);
      }
    },
  },
  {
    id: 'llm:1c',
    title: 'usage is what the model told',
    requires: 'usage',
    run: async (harness) => {
      const usage = { inputTokens: 11, outputTokens: 7, totalTokens: 18 };
      await script(harness, { text: 'Good morning.', usage });
      const message = await within(harness.llm.complete(ask()), 'the call');
      assert.deepEqual({ ...message.usage }, usage);
    },
  },
  {
    id: 'llm:1d',
    title: 'an answer can have a text and tool calls',
    requires: 'tools',
    run: async (harness) => {
      await script(harness, {
        text: 'Let me see.',
        toolCalls: [{ name: 'look_up', args: { word: 'today' } }],
      });
      const message = await within(harness.llm.complete(ask({ tools: TOOLS })), 'the call');
      assert.equal(message.content, 'Let me see.');
      assert.equal(message.toolCalls?.length, 1);
    },
  },
  {
    id: 'llm:2',
    title: 'tool calls come with unique ids, offered names and parsed arguments',
    requires: 'tools',
    run: async (harness) => {
      const wanted = [
        { name: 'add', args: { a: 1, b: 2.5 } },
        {
          name: 'look_up',
          args: { word: 'quote " and \\ slash', deep: { list: [1, null, false] } },
        },
        { name: 'add', args: { a: 1, b: 2.5 } },
      ];
      await script(harness, { toolCalls: wanted });
      const { role, toolCalls = [] } = await within(
        harness.llm.complete(ask({ tools: TOOLS })),
        'the call',
      );
      assert.equal(role, 'assistant');
      assert.deepEqual(
        toolCalls.map(({ name, args }) => ({ name, args: structuredClone(args) })),
        wanted,
      );
      assert.equal(new Set(toolCalls.map(({ id }) => id)).size, 3, 'ids are unique');
      assert.ok(
        toolCalls.every(({ id }) => typeof id === 'string' && id !== ''),
        'ids are not empty',
      );
    },
  },
  {
    id: 'llm:2b',
    title: 'a malformed tool call makes the call reject',
    requires: 'tools',
    run: async (harness) => {
      for (const [what, answer] of MALFORMED_CALLS) {
        await script(harness, answer);
        await rejectsWith(harness.llm.complete(ask({ tools: TOOLS })), 'llm-malformed', what);
      }
      idle(harness);
    },
  },
  {
    id: 'llm:3',
    title: 'an empty answer makes the call reject',
    requires: 'scriptable',
    run: async (harness) => {
      await script(harness, 'empty');
      await rejectsWith(harness.llm.complete(ask()), 'llm-malformed', 'an empty answer');
      idle(harness);
    },
  },
  {
    id: 'llm:3b',
    title: 'a truncated answer makes the call reject',
    requires: 'scriptable',
    run: async (harness) => {
      await script(harness, 'truncated');
      await rejectsWith(harness.llm.complete(ask()), 'llm-truncated', 'a truncated answer');
      idle(harness);
    },
  },
  {
    id: 'llm:4',
    title: 'a signal that is aborted already makes the call reject and keeps no listener',
    run: async (harness) => {
      await tell(harness, { text: 'Good morning.' });
      const signal = AbortSignal.abort();
      await rejectsWith(harness.llm.complete(ask({ signal })), 'tick-cancelled', 'the call');
      await noListener(signal);
      idle(harness);
    },
  },
  {
    id: 'llm:4b',
    title: 'an abort while the model is silent makes the call reject at once and keeps no listener',
    requires: 'scriptable',
    run: async (harness) => {
      await script(harness, 'hang');
      await abortedUnderWay(harness);
    },
  },
  {
    id: 'llm:4c',
    title:
      'an abort in the middle of an answer makes the call reject at once and keeps no listener',
    requires: 'stall',
    run: async (harness) => {
      await script(harness, 'stall');
      await abortedUnderWay(harness);
    },
  },
  {
    id: 'llm:4e',
    title: 'an abort while a stream is silent makes it throw at once and keeps no listener',
    requires: 'stream',
    run: async (harness) => {
      const { llm } = harness;
      assert.ok(llm.stream, 'a port that claims "stream" has it');
      if (harness.answerWith === undefined) return;
      await script(harness, 'hang');
      await abortedUnderWay(harness, (request) => readStream(llm, request));
    },
  },
  {
    id: 'llm:4d',
    title: 'a call that ended by itself keeps no listener',
    run: async (harness) => {
      const { signal } = new AbortController();
      await tell(harness, { text: 'Good morning.' });
      await within(harness.llm.complete(ask({ signal })), 'the call');
      if (harness.answerWith !== undefined) {
        await tell(harness, 'error');
        await harness.llm.complete(ask({ signal })).catch(() => undefined);
      }
      await noListener(signal);
    },
  },
  {
    id: 'llm:5',
    title: 'a call that takes longer than its timeout rejects',
    requires: 'scriptable',
    run: async (harness) => {
      await script(harness, 'hang');
      await timedOut(harness);
    },
  },
  {
    id: 'llm:5b',
    title: 'a call whose answer stops in the middle rejects after its timeout',
    requires: 'stall',
    run: async (harness) => {
      await script(harness, 'stall');
      await timedOut(harness);
    },
  },
  {
    id: 'llm:5c',
    title: 'a stream that takes longer than its timeout throws',
    requires: 'stream',
    run: async (harness) => {
      const { llm } = harness;
      assert.ok(llm.stream, 'a port that claims "stream" has it');
      if (harness.answerWith === undefined) return;
      await script(harness, 'hang');
      await timedOut(harness, (request) => readStream(llm, request));
    },
  },
  {
    id: 'llm:6',
    title: 'a request without messages rejects',
    run: async (harness) => {
      await rejectsWith(harness.llm.complete({ messages: [] }), 'option-invalid', 'no messages');
      idle(harness);
    },
  },
  {
    id: 'llm:7',
    title:
      'the texts of a stream joined are the content of its last chunk, which is what complete gives',
    requires: 'stream',
    run: async (harness) => {
      const answer = {
        text: 'Good morning. There are two meetings today, and  a walk.\nThat is all.',
      };
      await tell(harness, answer);
      const chunks = await within(readStream(harness.llm, ask()), 'the stream');
      await tell(harness, answer);
      const completed = await within(harness.llm.complete(ask()), 'the call');
      const last = chunks.at(-1);
      assert.ok(last?.type === 'message', 'the last chunk is the message');
      assert.equal(
        chunks.filter(({ type }) => type === 'message').length,
        1,
        'there is one message',
      );
      const texts = chunks.flatMap((chunk) => (chunk.type === 'text' ? [chunk.text] : []));
      assert.equal(texts.join(''), last.message.content);
      assert.equal(last.message.content, completed.content);
      requireAnswer(last.message);
      idle(harness);
    },
  },
  {
    id: 'llm:7b',
    title: 'a stream throws where complete rejects',
    requires: 'stream',
    run: async (harness) => {
      await rejectsWith(readStream(harness.llm, { messages: [] }), 'option-invalid', 'no messages');
      const signal = AbortSignal.abort();
      await rejectsWith(
        readStream(harness.llm, ask({ signal })),
        'tick-cancelled',
        'an aborted signal',
      );
      await noListener(signal);
      if (harness.answerWith === undefined) return;
      for (const [answer, code] of [
        ['empty', 'llm-malformed'],
        ['truncated', 'llm-truncated'],
        ['error', 'llm-failed'],
      ] as const) {
        await tell(harness, answer);
        await rejectsWith(readStream(harness.llm, ask()), code, `the answer "${answer}"`);
      }
      // Where a wire tells calls apart by their id, two of one id are one before the port sees them.
      const malformed = MALFORMED_CALLS.filter(([what]) => what !== SAME_ID);
      for (const [what, answer] of harness.supports?.includes('tools') ? malformed : []) {
        await tell(harness, answer);
        await rejectsWith(readStream(harness.llm, ask({ tools: TOOLS })), 'llm-malformed', what);
      }
      idle(harness);
    },
  },
  {
    id: 'llm:7d',
    title: 'the last chunk of a stream has the tool calls and the usage that complete gives',
    requires: 'stream',
    run: async (harness) => {
      const { llm, supports = [] } = harness;
      assert.ok(llm.stream, 'a port that claims "stream" has it');
      if (!supports.includes('tools')) return;
      const answer = {
        text: 'Let me see.',
        toolCalls: [
          { id: 'call-1', name: 'add', args: { a: 1, b: 2 } },
          { id: 'call-2', name: 'look_up', args: { word: 'today' } },
        ],
        ...(supports.includes('usage') && {
          usage: { inputTokens: 11, outputTokens: 7, totalTokens: 18 },
        }),
      };
      await tell(harness, answer);
      const completed = await within(llm.complete(ask({ tools: TOOLS })), 'the call');
      await tell(harness, answer);
      const chunks = await within(readStream(llm, ask({ tools: TOOLS })), 'the stream');
      const last = chunks.at(-1);
      assert.ok(last?.type === 'message', 'the last chunk is the message');
      assert.deepEqual(structuredClone(last.message.toolCalls), answer.toolCalls);
      assert.deepEqual({ ...last.message.usage }, { ...completed.usage });
      assert.equal(last.message.content, completed.content);
      idle(harness);
    },
  },
  {
    id: 'llm:7c',
    title: 'a stream that the reader leaves keeps no listener and no timer',
    requires: 'stream',
    run: async (harness) => {
      const { llm } = harness;
      assert.ok(llm.stream, 'a port that claims "stream" has it');
      const { signal } = new AbortController();
      await tell(harness, { text: 'Good morning. There are two meetings today.' });
      for await (const _ of llm.stream(ask({ signal, timeoutMs: 60_000 }))) break;
      await noListener(signal);
      idle(harness);
    },
  },
  {
    id: 'port:1',
    title: 'what is handed in is not changed, and the answer can be changed without effect',
    run: async (harness) => {
      const request = deepFreeze(ask({ tools: TOOLS }));
      await tell(harness, { text: 'Good morning.' });
      const first = await within(harness.llm.complete(request), 'the call');
      const before = structuredClone(first);
      try {
        Object.assign(first, { content: 'changed' });
      } catch {
        // A frozen answer is as good.
      }
      await tell(harness, { text: 'Good morning.' });
      const second = await within(harness.llm.complete(request), 'the second call');
      assert.equal(second.content, before.content);
    },
  },
  {
    id: 'port:2',
    title: 'close is idempotent and refuses what comes after it',
    requires: 'close',
    run: async (harness) => {
      await tell(harness, { text: 'Good morning.' });
      await within(harness.llm.complete(ask()), 'the call');
      await within(closeOf(harness.llm), 'close');
      await within(closeOf(harness.llm), 'a second close');
      await rejectsWith(harness.llm.complete(ask()), 'closed', 'complete after close');
      if (harness.llm.stream !== undefined)
        await rejectsWith(readStream(harness.llm, ask()), 'closed', 'stream after close');
      idle(harness);
    },
  },
  {
    id: 'port:3',
    title: "a failure of the model is a PantheonError with the vendor's error as its cause",
    requires: 'scriptable',
    run: async (harness) => {
      await script(harness, 'error');
      const error = await rejectsWith(harness.llm.complete(ask()), 'llm-failed', 'a failing model');
      assert.ok(error.cause !== undefined, 'the cause is kept');
      idle(harness);
    },
  },
];

const abortedUnderWay = async (
  harness: LlmHarness,
  start: (request: LlmRequest) => Promise<unknown> = harness.llm.complete,
): Promise<void> => {
  const caller = new AbortController();
  const call = rejectsWith(
    start(ask({ signal: caller.signal })),
    'tick-cancelled',
    'the aborted call',
  );
  await underWay(harness);
  caller.abort(new Error('the user left'));
  // The rule says 100 ms; a busy machine is given more, for this is no benchmark.
  await within(call, 'the rejection', 5_000);
  await noListener(caller.signal);
  idle(harness);
};

const timedOut = async (
  harness: LlmHarness,
  start: (request: LlmRequest) => Promise<unknown> = harness.llm.complete,
): Promise<void> => {
  let settled = false;
  const call = rejectsWith(start(ask({ timeoutMs: 500 })), 'timeout', 'the slow call').finally(
    () => {
      settled = true;
    },
  );
  call.catch(() => undefined);
  await underWay(harness);
  await harness.advance(50);
  assert.equal(settled, false, 'it has its whole time');
  await harness.advance(470);
  await call;
  idle(harness);
};

const isolation = async (first: LlmHarness, second: LlmHarness): Promise<void> => {
  const both = [first, second].map((harness, index) => ({
    harness,
    text: `This is harness ${index + 1}.`,
  }));
  for (const { harness, text } of both) await tell(harness, { text });
  for (const { harness, text } of both) {
    const message = await within(harness.llm.complete(ask()), 'the call');
    requireAnswer(message);
    if (harness.answerWith !== undefined)
      assert.equal(message.content, text, 'it has the answer that was set for it');
  }
};

/** The contract of `ILlmPort`. */
export const llmSuite: Suite<LlmHarness> = { port: 'llm', cases, isolation };
