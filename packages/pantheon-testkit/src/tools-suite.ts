import assert from 'node:assert/strict';
import type { IToolPort, Tool, ToolCallContext, ToolSpec } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { attempt, rejectsWith, throwsWith, turn, unhandledDuring, within } from './assertions.ts';
import { deepFreeze } from './freeze.ts';
import { makeGate } from './gate.ts';
import { noListener } from './signals.ts';
import type { Case, Harness, Suite } from './suite.ts';

/** What the tools suite needs. Capabilities for `supports`: `list`, `close`. */
export interface ToolsHarness extends Harness {
  readonly tools: IToolPort;
  /** Lets that much time pass for the port's timeouts: a manual clock's `advance`, or a real wait. */
  readonly advance: (ms: number) => Promise<void>;
  /** With injected timers: how many are set. Checked to be 0 after every call has settled. */
  readonly pending?: () => number;
}

/** A tool that gives back what it got. */
const echo = (name = 'echo'): Tool => ({ name, invoke: (args) => args });

const weather = (invoke: Tool['invoke'] = (args) => args): Tool => ({
  name: 'weather',
  description: 'Tells the weather of a city.',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      days: { type: 'integer' },
      unit: { enum: ['celsius', 'kelvin'] },
      options: { type: 'object', properties: { wind: { type: 'boolean' } } },
      hours: { type: 'array', items: { type: 'integer' } },
    },
    required: ['city'],
    additionalProperties: false,
  },
  invoke,
});

/** Arguments that `weather` forbids, and what the error must name. */
const FORBIDDEN: readonly (readonly [args: unknown, path: string])[] = [
  [{}, 'city'],
  [{ city: 7 }, 'city'],
  [{ city: null }, 'city'],
  [{ city: 'Rome', days: 1.5 }, 'days'],
  [{ city: 'Rome', days: '3' }, 'days'],
  [{ city: 'Rome', unit: 'fahrenheit' }, 'unit'],
  [{ city: 'Rome', options: { wind: 'yes' } }, 'wind'],
  [{ city: 'Rome', hours: [9, 'ten'] }, 'hours'],
  [{ city: 'Rome', colour: 'red' }, 'colour'],
];

const NAMES_OF_OBJECTS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

const NO_NAMES = ['', 'a\nb', 'a\u0000', '\u007f', '\u0085', 'x'.repeat(257), 'ü'.repeat(129)];

const idle = (harness: ToolsHarness): void => {
  if (harness.pending !== undefined)
    assert.equal(harness.pending(), 0, 'a settled call leaves no timer');
};

const listOf = (tools: IToolPort): readonly ToolSpec[] => {
  assert.ok(tools.list, 'a port that claims "list" has it');
  return tools.list();
};

const closeOf = (tools: IToolPort): Promise<void> => {
  assert.ok(tools.close, 'a port that claims "close" has it');
  return tools.close();
};

/** A tool that never ends, and the signal that it was given. */
const hangingTool = (
  name: string,
): { readonly tool: Tool; readonly signal: () => AbortSignal | undefined } => {
  let signal: AbortSignal | undefined;
  return {
    tool: {
      name,
      invoke: (_, call) => {
        signal = call.signal;
        return new Promise(() => undefined);
      },
    },
    signal: () => signal,
  };
};

const cases: readonly Case<ToolsHarness>[] = [
  {
    id: 'tools:1',
    title: 'invoke resolves to what the tool returned or its promise resolved to',
    run: async (harness) => {
      const { tools } = harness;
      const values: readonly unknown[] = [
        0,
        '',
        false,
        null,
        undefined,
        'text',
        { a: [1, { b: 2 }] },
      ];
      for (const [index, value] of values.entries()) {
        tools.register({ name: `sync-${index}`, invoke: () => value });
        tools.register({ name: `async-${index}`, invoke: () => Promise.resolve(value) });
        assert.deepEqual(await tools.invoke(`sync-${index}`, {}), value);
        assert.deepEqual(await tools.invoke(`async-${index}`, {}), value);
      }
      idle(harness);
    },
  },
  {
    id: 'tools:1b',
    title: 'a tool that throws or rejects makes the call reject with the original as cause',
    run: async (harness) => {
      const { tools } = harness;
      const original = new Error('the disk is full');
      tools.register({
        name: 'throws',
        invoke: () => {
          throw original;
        },
      });
      tools.register({ name: 'rejects', invoke: () => Promise.reject(original) });
      for (const name of ['throws', 'rejects']) {
        const error = await rejectsWith(
          tools.invoke(name, {}),
          'tool-failed',
          `the tool that ${name}`,
        );
        assert.equal(error.cause, original, 'the cause is the very error of the tool');
      }
      for (const [index, odd] of ['no error', null, undefined, 0].entries()) {
        tools.register({ name: `odd-${index}`, invoke: () => Promise.reject(odd) });
        const error = await rejectsWith(
          tools.invoke(`odd-${index}`, {}),
          'tool-failed',
          `a tool that rejects with ${String(odd)}`,
        );
        assert.equal(error.cause, odd, 'the cause is what the tool rejected with');
      }
      idle(harness);
    },
  },
  {
    id: 'tools:1c',
    title: "a tool's own PantheonError comes through as it is",
    run: async ({ tools }) => {
      const own = new PantheonError('permission-denied', 'Not for this actor.', {
        retryable: true,
      });
      tools.register({ name: 'denies', invoke: () => Promise.reject(own) });
      const error = await rejectsWith(tools.invoke('denies', {}), 'permission-denied', 'the call');
      assert.equal(error, own);
    },
  },
  {
    id: 'tools:1d',
    title: 'the tool is told who calls',
    run: async ({ tools }) => {
      let seen: ToolCallContext | undefined;
      tools.register({
        name: 'who',
        invoke: (_, call) => {
          seen = call;
        },
      });
      const call = { actorId: 'a1', tickId: 't1', idempotencyKey: 't1/0/0/0', fence: '1:x' };
      await tools.invoke('who', {}, call);
      assert.deepEqual(
        [seen?.actorId, seen?.tickId, seen?.idempotencyKey, seen?.fence],
        ['a1', 't1', 't1/0/0/0', '1:x'],
      );
    },
  },
  {
    id: 'tools:2',
    title: 'a name that is not registered rejects, names of Object.prototype included',
    run: async ({ tools }) => {
      tools.register(echo());
      for (const name of ['missing', 'ECHO', ' echo', '', ...NAMES_OF_OBJECTS]) {
        await rejectsWith(tools.invoke(name, {}), 'tool-unknown', `invoke('${name}')`);
      }
    },
  },
  {
    id: 'tools:2b',
    title: 'names of Object.prototype can be registered like any other',
    run: async ({ tools }) => {
      for (const name of NAMES_OF_OBJECTS) tools.register({ name, invoke: () => `I am ${name}` });
      for (const name of NAMES_OF_OBJECTS)
        assert.equal(await tools.invoke(name, {}), `I am ${name}`);
    },
  },
  {
    id: 'tools:3',
    title: 'a name twice and a name that is no name throw',
    run: async ({ tools }) => {
      tools.register({ name: 'one', invoke: () => 'the first' });
      throwsWith(
        () => tools.register({ name: 'one', invoke: () => 'the second' }),
        'tool-duplicate',
        'a name twice',
      );
      assert.equal(await tools.invoke('one', {}), 'the first', 'the first registration stands');
      for (const name of NO_NAMES) {
        throwsWith(
          () => tools.register(echo(name)),
          'tool-invalid',
          `the name ${JSON.stringify(name.slice(0, 8))}`,
        );
      }
    },
  },
  {
    id: 'tools:3b',
    title: 'a name of 256 bytes and one with spaces and other scripts are accepted',
    run: async ({ tools }) => {
      for (const name of ['x'.repeat(256), 'ü'.repeat(128), 'look up: 天気', 'a/b.c-d_e']) {
        tools.register({ name, invoke: () => name });
        assert.equal(await tools.invoke(name, {}), name);
      }
    },
  },
  {
    id: 'tools:4',
    title: 'arguments that the schema forbids reject with their path before the tool runs',
    run: async ({ tools }) => {
      let ran = 0;
      tools.register(weather(() => (ran += 1)));
      for (const [args, path] of FORBIDDEN) {
        const error = await rejectsWith(
          tools.invoke('weather', args as Record<string, unknown>),
          'action-invalid',
          `the arguments ${JSON.stringify(args)}`,
        );
        assert.ok(error.message.includes(path), `the message must name ${path}: ${error.message}`);
      }
      tools.register({
        name: 'inherited',
        parameters: {
          type: 'object',
          properties: { toString: { type: 'string' } },
          required: ['toString'],
        },
        invoke: () => (ran += 1),
      });
      await rejectsWith(
        tools.invoke('inherited', {}),
        'action-invalid',
        'what every object inherits is no argument; the call without "toString"',
      );
      assert.equal(ran, 0, 'the tool does not run');
    },
  },
  {
    id: 'tools:4b',
    title: 'arguments that are no object reject',
    run: async ({ tools }) => {
      let ran = 0;
      tools.register(weather(() => (ran += 1)));
      for (const args of [null, 'Rome', ['Rome'], 7]) {
        await rejectsWith(
          tools.invoke('weather', args as never),
          'action-invalid',
          `the arguments ${JSON.stringify(args)}`,
        );
      }
      assert.equal(ran, 0, 'the tool does not run');
    },
  },
  {
    id: 'tools:4c',
    title: 'arguments that the schema permits reach the tool as they are',
    run: async ({ tools }) => {
      tools.register(weather());
      const permitted = [
        { city: 'Rome' },
        { city: '', days: 3, unit: 'kelvin', options: { wind: false }, hours: [9, 10] },
      ];
      for (const args of permitted) assert.deepEqual(await tools.invoke('weather', args), args);
    },
  },
  {
    id: 'tools:5',
    title: 'a call that takes longer than its timeout rejects and its signal aborts',
    run: async (harness) => {
      const hanging = hangingTool('slow');
      harness.tools.register(hanging.tool);
      let settled = false;
      const caller = new AbortController();
      const call = harness.tools.invoke('slow', {}, { timeoutMs: 500, signal: caller.signal });
      const rejected = rejectsWith(call, 'timeout', 'the slow call').finally(() => {
        settled = true;
      });
      await harness.advance(50);
      assert.equal(settled, false, 'it has its whole time');
      await harness.advance(460);
      await rejected;
      assert.equal(hanging.signal()?.aborted, true, "the tool's signal aborts");
      assert.equal(caller.signal.aborted, false, "the caller's does not");
      idle(harness);
    },
  },
  {
    id: 'tools:5b',
    title: 'a result and an error that come after the timeout are dropped',
    run: async (harness) => {
      const late = makeGate<string>();
      const lateFailure = makeGate();
      harness.tools.register({ name: 'late', invoke: () => late.promise });
      harness.tools.register({ name: 'late-failure', invoke: () => lateFailure.promise });
      const unhandled = await unhandledDuring(async () => {
        const calls = ['late', 'late-failure'].map((name) =>
          rejectsWith(harness.tools.invoke(name, {}, { timeoutMs: 20 }), 'timeout', name),
        );
        await harness.advance(40);
        await Promise.all(calls);
        late.open('too late');
        lateFailure.fail(new Error('too late'));
        await turn();
      });
      assert.deepEqual(unhandled, [], 'nothing reaches the process');
    },
  },
  {
    id: 'tools:5c',
    title: 'a call within its timeout is not timed out, and its signal does not abort afterwards',
    run: async (harness) => {
      const gate = makeGate<string>();
      let signal: AbortSignal | undefined;
      harness.tools.register({
        name: 'quick',
        invoke: (_, call) => {
          signal = call.signal;
          return gate.promise;
        },
      });
      const call = harness.tools.invoke('quick', {}, { timeoutMs: 500 });
      await harness.advance(20);
      gate.open('done');
      assert.equal(await within(call, 'the quick call'), 'done');
      idle(harness);
      await harness.advance(600);
      assert.equal(signal?.aborted, false);
    },
  },
  {
    id: 'tools:6',
    title: "an abort of the caller's signal rejects the call and reaches the tool",
    run: async (harness) => {
      const hanging = hangingTool('long');
      harness.tools.register(hanging.tool);
      const caller = new AbortController();
      const call = harness.tools.invoke('long', {}, { signal: caller.signal });
      const rejected = rejectsWith(call, 'tick-cancelled', 'the aborted call');
      await turn();
      caller.abort(new Error('the user left'));
      await rejected;
      assert.equal(hanging.signal()?.aborted, true, "the tool's signal aborts");
      await noListener(caller.signal);
      idle(harness);
    },
  },
  {
    id: 'tools:6b',
    title: 'with a signal that is aborted already the tool does not run',
    run: async (harness) => {
      let ran = 0;
      harness.tools.register({ name: 'never', invoke: () => (ran += 1) });
      const signal = AbortSignal.abort();
      await rejectsWith(
        harness.tools.invoke('never', {}, { signal }),
        'tick-cancelled',
        'the call',
      );
      assert.equal(ran, 0);
      await noListener(signal);
      idle(harness);
    },
  },
  {
    id: 'tools:6c',
    title: "a call that ended by itself leaves no listener on the caller's signal",
    run: async ({ tools }) => {
      const { signal } = new AbortController();
      tools.register(echo());
      tools.register({ name: 'async', invoke: () => turn() });
      tools.register({ name: 'fails', invoke: () => Promise.reject(new Error('no')) });
      await tools.invoke('echo', {}, { signal });
      await tools.invoke('async', {}, { signal });
      await tools.invoke('fails', {}, { signal }).catch(() => undefined);
      await noListener(signal);
    },
  },
  {
    id: 'tools:7',
    title: 'a call does not wait for another, of the same tool neither',
    run: async ({ tools }) => {
      const gate = makeGate<string>();
      tools.register({
        name: 'maybe',
        invoke: (args) => (args['wait'] === true ? gate.promise : 'at once'),
      });
      tools.register(echo());
      const slow = tools.invoke('maybe', { wait: true });
      try {
        assert.equal(
          await within(tools.invoke('maybe', {}), 'a second call of the tool'),
          'at once',
        );
        assert.deepEqual(await within(tools.invoke('echo', { a: 1 }), 'a call of another tool'), {
          a: 1,
        });
      } finally {
        gate.open('at last');
      }
      assert.equal(await slow, 'at last');
    },
  },
  {
    id: 'tools:8',
    title: 'list gives the registered tools in their order, without invoke',
    requires: 'list',
    run: async ({ tools }) => {
      const before = listOf(tools).length;
      tools.register(echo('zebra'));
      tools.register(weather());
      tools.register({
        name: 'ape',
        sideEffect: 'none',
        idempotent: true,
        onUnknown: 'fail',
        approval: 'required',
        timeoutMs: 5,
        invoke: () => 1,
      });
      const approval = (): boolean => true;
      tools.register({ name: 'bee', approval, invoke: () => 1 });
      for (const refused of [echo('zebra'), echo('')]) attempt(() => tools.register(refused));
      const specs = listOf(tools).slice(before);
      assert.deepEqual(
        specs.map(({ name }) => name),
        ['zebra', 'weather', 'ape', 'bee'],
      );
      assert.ok(!specs.some((spec) => 'invoke' in spec), 'without invoke');
      assert.equal(specs[3]?.approval, approval, 'the rule for approvals is handed out');
      const [, listed, ape] = specs;
      assert.equal(listed?.description, weather().description);
      assert.deepEqual(listed?.parameters?.['required'], ['city']);
      assert.deepEqual(
        [ape?.sideEffect, ape?.idempotent, ape?.onUnknown, ape?.approval, ape?.timeoutMs],
        ['none', true, 'fail', 'required', 5],
      );
    },
  },
  {
    id: 'port:1',
    title: 'what is handed in is not changed',
    run: async ({ tools }) => {
      tools.register(deepFreeze(weather()));
      const args = deepFreeze({ city: 'Rome', options: { wind: true } });
      assert.deepEqual(await tools.invoke('weather', args, deepFreeze({ actorId: 'a' })), args);
    },
  },
  {
    id: 'port:1b',
    title: 'what list hands out and what register was handed can be changed without effect',
    requires: 'list',
    run: async ({ tools }) => {
      const tool = weather();
      tools.register(tool);
      const before = structuredClone(listOf(tools));
      attempt(() => Object.assign(tool, { description: 'changed' }));
      attempt(() => Object.assign(tool.parameters ?? {}, { required: [] }));
      const handedOut = listOf(tools);
      attempt(() => Object.assign(handedOut.at(-1) ?? {}, { name: 'changed' }));
      attempt(() => Object.assign(handedOut.at(-1)?.parameters ?? {}, { required: [] }));
      attempt(() => (handedOut as ToolSpec[]).pop());
      assert.deepEqual(listOf(tools), before);
    },
  },
  {
    id: 'port:2',
    title: 'close waits for running calls and refuses what comes after it',
    requires: 'close',
    run: async (harness) => {
      const { tools } = harness;
      const gate = makeGate<string>();
      tools.register(echo());
      tools.register({ name: 'slow', invoke: () => gate.promise });
      const running = tools.invoke('slow', {});
      await turn();
      let closed = false;
      const closing = closeOf(tools).then(() => {
        closed = true;
      });
      await turn();
      const early = closed;
      gate.open('done');
      assert.equal(early, false, 'a call still runs');
      assert.equal(await running, 'done');
      await within(closing, 'close');
      await within(closeOf(tools), 'a second close');
      await rejectsWith(tools.invoke('echo', {}), 'closed', 'invoke after close');
      throwsWith(() => tools.register(echo('other')), 'closed', 'register after close');
      const { list } = tools;
      if (list !== undefined) throwsWith(() => list(), 'closed', 'list after close');
      idle(harness);
    },
  },
];

const isolation = async (first: ToolsHarness, second: ToolsHarness): Promise<void> => {
  first.tools.register({ name: 'mine', invoke: () => 'of the first' });
  await rejectsWith(second.tools.invoke('mine', {}), 'tool-unknown', 'a tool of the first');
  second.tools.register({ name: 'mine', invoke: () => 'of the second' });
  assert.equal(await first.tools.invoke('mine', {}), 'of the first');
};

/** The contract of `IToolPort`. */
export const toolsSuite: Suite<ToolsHarness> = { port: 'tools', cases, isolation };
