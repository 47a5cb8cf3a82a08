// An agent with one tool whose result ends the run; tracing is off.
import { Agent, Runner, Usage, setTracingDisabled, tool } from '@openai/agents-core';
import { z } from 'zod';

export const makeTurn = ({ deps }) => {
  setTracingDisabled(true);
  let text = '';
  const model = {
    getResponse: async ({ systemInstructions, input }) => {
      const { content } = await deps.llm.complete({ messages: [systemInstructions, ...input] });
      text = content;
      return {
        usage: new Usage(),
        output: [
          {
            type: 'function_call',
            callId: 'c',
            name: 'note',
            status: 'completed',
            arguments: JSON.stringify({ text: content }),
          },
        ],
      };
    },
    getStreamedResponse: () => {
      throw new Error('nothing is streamed here');
    },
  };
  const note = tool({
    name: 'note',
    description: 'Notes a text.',
    parameters: z.object({ text: z.string() }),
    execute: async (args) => String(await deps.tools.invoke('note', args)),
  });
  const runner = new Runner({ tracingDisabled: true });
  return async () => {
    const [system, user] = await deps.context.compile({ texts: ['what is new?'], sources: [] });
    const agent = new Agent({
      name: 'clerk',
      instructions: system.content,
      model,
      tools: [note],
      toolUseBehavior: 'stop_on_first_tool',
    });
    await runner.run(agent, user.content);
    await deps.bus.send({ from: 'clerk', to: 'user', content: text });
  };
};
