/** The usual reasoning loop as a behavior: ask the model, run the tools that it asks for, ask again, send the answer. */
import type { ActionOutcome, Behavior, BehaviorMode, Message, Plan, PlanInput } from './types.ts';

/** Settings of `makeLlmBehavior`. */
export interface LlmBehaviorOptions {
  /** Default `reasoning`. */
  readonly name?: string | undefined;
  /** Default `active`. */
  readonly mode?: BehaviorMode | undefined;
  /** Default: the LLM port's own. */
  readonly model?: string | undefined;
  /** The instructions. Default: none. */
  readonly system?: string | ((input: PlanInput) => string) | undefined;
  /** The names of the tools that the model is offered. Default: all that the actor may use. */
  readonly tools?: readonly string[] | undefined;
  readonly temperature?: number | undefined;
  readonly maxTokens?: number | undefined;
  /** Rounds in which the model may ask for tools; then it is asked for an answer without them. Default 6. */
  readonly maxToolRounds?: number | undefined;
  /** Who gets the answer. Default: the sender of the message that caused the tick, otherwise `user`. */
  readonly target?: string | ((input: PlanInput) => string) | undefined;
}

/** What one tool's result may take up in the conversation, in characters; the rest is cut, and the model is told. */
const MAX_RESULT_CHARS = 16_384;

const resultText = ({ status, value, error }: ActionOutcome): string => {
  if (status !== 'ok') return `error: ${error?.message ?? status}`;
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'done');
  return text.length <= MAX_RESULT_CHARS
    ? text
    : `${text.slice(0, MAX_RESULT_CHARS)}\n[cut: ${text.length - MAX_RESULT_CHARS} more characters]`;
};

/** The results of the previous round, as the model expects them: one message a call, in the order of the calls. */
const toolMessages = (outcomes: readonly ActionOutcome[]): readonly Message[] =>
  outcomes.flatMap((outcome) => {
    const { action } = outcome;
    if (action.type !== 'tool') return [];
    const { name, callId = outcome.id } = action;
    return [{ role: 'tool', name, toolCallId: callId, content: resultText(outcome) } as const];
  });

/**
 * A behavior that reasons with a language model. It is made of what every behavior has: tool calls become tool actions,
 * `again` asks for another round, the conversation so far travels in `carry`, and the answer is a message action. The model's
 * text never becomes anything but the content of a message.
 */
export const makeLlmBehavior = (options: LlmBehaviorOptions = {}): Behavior => {
  const { name = 'reasoning', mode = 'active', maxToolRounds = 6, system, target } = options;

  const opening = (input: PlanInput): readonly Message[] => {
    const instructions = typeof system === 'function' ? system(input) : system;
    return [
      ...(instructions === undefined ? [] : [{ role: 'system', content: instructions } as const]),
      ...input.context,
      { role: 'user', content: input.userMessage ?? input.goal },
    ];
  };

  const plan = async (input: PlanInput): Promise<Plan> => {
    const earlier = (input.carry as readonly Message[] | undefined) ?? [];
    const turns = [...earlier, ...toolMessages(input.outcomes)];
    const offered =
      options.tools === undefined
        ? input.tools
        : input.tools.filter((tool) => options.tools?.includes(tool.name));
    const answer = await input.llm.complete({
      messages: [...opening(input), ...turns],
      model: options.model,
      temperature: options.temperature,
      maxTokens: options.maxTokens,
      tools: input.round < maxToolRounds && offered.length > 0 ? offered : undefined,
    });
    const calls = answer.toolCalls ?? [];
    if (calls.length > 0) {
      return {
        actions: calls.map((call) => ({
          type: 'tool',
          name: call.name,
          args: call.args,
          callId: call.id,
        })),
        again: true,
        carry: [...turns, answer],
      };
    }
    const to = typeof target === 'function' ? target(input) : target;
    return {
      actions: [
        {
          type: 'message',
          content: answer.content,
          target: to ?? input.message?.from ?? 'user',
          ...(answer.metadata === undefined ? undefined : { metadata: answer.metadata }),
        },
      ],
    };
  };

  return { name, mode, plan };
};
