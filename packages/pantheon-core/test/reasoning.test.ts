/** The reasoning behavior: only what every behavior has, `again`, `outcomes` and `carry`. */
import { makeLlmBehavior } from '@promethean/pantheon-core';
import type { LlmRequest, Message, ToolSpec } from '@promethean/pantheon-core';
import { makeScriptedLlm } from '@promethean/pantheon-core/memory';
import { describe, expect, test } from 'vitest';
import { actorOf, makeDesk, script } from './desk.ts';

const specs: readonly ToolSpec[] = [{ name: 'search' }, { name: 'read' }];
const call = (id: string, name: string, args = {}) => ({ id, name, args });
const asking = (...toolCalls: ReturnType<typeof call>[]): Message => ({
  role: 'assistant',
  content: '',
  toolCalls,
});

describe('makeLlmBehavior', () => {
  test('model, tools, model, answer: the conversation is complete and in order', async () => {
    const context = [{ role: 'user', content: 'a passage' }] as const;
    const first = asking(call('c1', 'search', { q: 'x' }), call('c2', 'read', { at: 1 }));
    const llm = makeScriptedLlm([first, 'the answer']);
    const { orchestrator, sent, invoked } = makeDesk({
      compile: async () => context,
      tools: { list: () => specs },
      tool: async (name) => (name === 'read' ? { text: 'contents' } : 'two hits'),
      deps: { llm },
    });
    const behavior = makeLlmBehavior({
      system: 'Be brief.',
      model: 'm',
      temperature: 0,
      maxTokens: 9,
    });
    const report = await orchestrator.tickActor(actorOf([behavior]), { userMessage: 'where?' });
    expect(report).toMatchObject({
      status: 'ok',
      behaviors: [{ name: 'reasoning', mode: 'active', rounds: 2 }],
    });
    expect(invoked).toEqual([
      { name: 'search', args: { q: 'x' } },
      { name: 'read', args: { at: 1 } },
    ]);
    expect(sent).toEqual([{ from: 'ada', to: 'user', content: 'the answer' }]);
    const opening = [
      { role: 'system', content: 'Be brief.' },
      ...context,
      { role: 'user', content: 'where?' },
    ];
    expect(llm.calls.map(({ messages, model, tools }) => ({ messages, model, tools }))).toEqual([
      { messages: opening, model: 'm', tools: specs },
      {
        messages: [
          ...opening,
          first,
          { role: 'tool', name: 'search', toolCallId: 'c1', content: 'two hits' },
          { role: 'tool', name: 'read', toolCallId: 'c2', content: '{"text":"contents"}' },
        ],
        model: 'm',
        tools: specs,
      },
    ]);
  });

  test('a tool that fails is told to the model, and a long result is cut with a note', async () => {
    const llm = makeScriptedLlm([asking(call('c1', 'search'), call('c2', 'read')), 'sorry']);
    const { orchestrator } = makeDesk({
      tools: { list: () => specs },
      tool: async (name) => {
        if (name === 'search') throw new Error('no connection');
        return 'x'.repeat(20_000);
      },
      deps: { llm },
    });
    const report = await orchestrator.tickActor(actorOf([makeLlmBehavior()]), {
      userMessage: 'where?',
    });
    expect(report.status).toBe('partial');
    const [failed, cut] = llm.calls[1]?.messages.slice(-2) ?? [];
    expect(failed?.content).toBe('error: no connection');
    expect(cut?.content).toMatch(/^x{16384}\n\[cut: 3616 more characters\]$/);
  });

  test('after maxToolRounds the model is asked without tools', async () => {
    const again = asking(call('c', 'search'));
    const llm = makeScriptedLlm([again, again, 'enough']);
    const { orchestrator, sent } = makeDesk({ tools: { list: () => specs }, deps: { llm } });
    await orchestrator.tickActor(actorOf([makeLlmBehavior({ maxToolRounds: 2 })]), {
      userMessage: 'go',
    });
    expect(llm.calls.map(({ tools }: LlmRequest) => tools?.length)).toEqual([2, 2, undefined]);
    expect(sent.map(({ content }) => content)).toEqual(['enough']);
  });

  test('offers only the tools that are named and permitted', async () => {
    const llm = makeScriptedLlm(['a', 'b']);
    const { orchestrator } = makeDesk({ tools: { list: () => specs }, deps: { llm } });
    const behavior = makeLlmBehavior({ tools: ['read', 'search'] });
    await orchestrator.tickActor(actorOf([behavior], { permissions: { tools: ['read'] } }), {
      userMessage: 'go',
    });
    await orchestrator.tickActor(actorOf([makeLlmBehavior({ tools: [] })]), { userMessage: 'go' });
    expect(llm.calls.map(({ tools }: LlmRequest) => tools)).toEqual([
      [{ name: 'read' }],
      undefined,
    ]);
  });

  test('answers the sender of a message, or whom it is told; without input it reasons about the goal', async () => {
    const llm = makeScriptedLlm(['to bob', 'to carol', 'about the goal']);
    const { orchestrator, deps, advance, sent } = makeDesk({ deps: { llm } });
    const { id } = await deps.state.spawn(script([makeLlmBehavior()]), 'g');
    orchestrator.listen();
    await deps.bus.send({ from: 'bob', to: id, content: 'hi' });
    await advance(0);
    await orchestrator.tickActor(actorOf([makeLlmBehavior({ target: () => 'carol' })]), {
      userMessage: 'hi',
    });
    await orchestrator.tickActor(actorOf([makeLlmBehavior({ mode: 'passive' })]));
    expect(sent.slice(1).map(({ to }) => to)).toEqual(['bob', 'carol', 'user']);
    expect(llm.calls[2]?.messages).toEqual([{ role: 'user', content: 'be useful; be brief' }]);
  });

  test('one behavior serves many actors at once', async () => {
    const { orchestrator, sent } = makeDesk({
      tools: { list: () => specs },
      complete: async ({ messages }) => {
        const question = messages.find(({ role }) => role === 'user')?.content ?? '';
        const results = messages.filter(({ role }) => role === 'tool').length;
        return results < 3
          ? asking(call(`c${results}`, 'search', { q: question }))
          : { role: 'assistant', content: `${question} done` };
      },
    });
    const shared = makeLlmBehavior();
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        orchestrator.tickActor(actorOf([shared], {}, `a${i}`), { userMessage: `q${i}` }),
      ),
    );
    expect(sent.map(({ from, content }) => `${from}: ${content}`).toSorted()).toEqual(
      Array.from({ length: 50 }, (_, i) => `a${i}: q${i} done`).toSorted(),
    );
  });
});
