// A graph of a model node and its own tool node, without a memory saver.
import { AIMessage, HumanMessage, SystemMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { z } from 'zod';

export const makeTurn = ({ deps }) => {
  const note = tool((args) => deps.tools.invoke('note', args), {
    name: 'note',
    description: 'Notes a text.',
    schema: z.object({ text: z.string() }),
  });
  const model = async ({ messages }) => {
    const { content } = await deps.llm.complete({ messages });
    const call = { id: 'c', name: 'note', args: { text: content }, type: 'tool_call' };
    return { messages: [new AIMessage({ content: '', tool_calls: [call] })] };
  };
  const graph = new StateGraph(MessagesAnnotation)
    .addNode('model', model)
    .addNode('tools', new ToolNode([note]))
    .addEdge(START, 'model')
    .addEdge('model', 'tools')
    .addEdge('tools', END)
    .compile();
  return async () => {
    const [system, user] = await deps.context.compile({ texts: ['what is new?'], sources: [] });
    const { messages } = await graph.invoke({
      messages: [new SystemMessage(system.content), new HumanMessage(user.content)],
    });
    const { args } = messages.at(-2).tool_calls[0];
    await deps.bus.send({ from: 'clerk', to: 'user', content: args.text });
  };
};
