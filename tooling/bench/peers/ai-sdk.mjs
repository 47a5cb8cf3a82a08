// `generateText` with one tool and one step: the model's answer is the call of the tool.
import { generateText, stepCountIs, tool } from 'ai';
import { z } from 'zod';

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

export const makeTurn = ({ deps }) => {
  const model = {
    specificationVersion: 'v4',
    provider: 'fake',
    modelId: 'fake',
    supportedUrls: {},
    doGenerate: async ({ prompt }) => {
      const { content } = await deps.llm.complete({ messages: prompt });
      return {
        content: [
          {
            type: 'tool-call',
            toolCallId: 'c',
            toolName: 'note',
            input: JSON.stringify({ text: content }),
          },
        ],
        finishReason: { unified: 'tool-calls', raw: undefined },
        usage,
        warnings: [],
      };
    },
  };
  const note = tool({
    inputSchema: z.object({ text: z.string() }),
    execute: (args) => deps.tools.invoke('note', args),
  });
  return async () => {
    const [system, user] = await deps.context.compile({ texts: ['what is new?'], sources: [] });
    const { toolCalls } = await generateText({
      model,
      instructions: system.content,
      prompt: user.content,
      tools: { note },
      stopWhen: stepCountIs(1),
    });
    await deps.bus.send({ from: 'clerk', to: 'user', content: toolCalls[0].input.text });
  };
};
