/** What a conversation asks for, and what is known by now. */
import type { Message, ToolCall } from '@promethean/pantheon-core';
import { parseResult, passagesOf, type Passage } from './read-hits.ts';

/** A tool call of this turn and its result. */
export interface ToolResult {
  readonly call: ToolCall;
  /** The result as text; undefined while it is outstanding. */
  readonly content: string | undefined;
  /** The result as JSON, where it is JSON. */
  readonly value: unknown;
  readonly failed: boolean;
}

/** The turn to answer. */
export interface Turn {
  /** Empty where nobody asked anything. */
  readonly question: string;
  /** From the compiled context, then from tools; best first as they came. */
  readonly passages: readonly Passage[];
  readonly results: readonly ToolResult[];
}

const isDocument = (message: Message): boolean => message.provenance?.trust === 'document';
// A context port may hand over what a tool once returned as a message of the user; its provenance tells.
const isData = ({ provenance }: Message): boolean =>
  provenance?.trust === 'document' || provenance?.trust === 'tool';

const passageOfMessage = (message: Message): Passage => ({
  file: message.provenance?.uri ?? message.provenance?.source ?? 'document',
  line: message.provenance?.line ?? 1,
  heading: message.provenance?.heading ?? '',
  text: message.content,
});

/**
 * Reads the turn off the conversation: the question is the last message of the user that is no document; tool calls and results
 * count when they come after it. Nothing in a passage or a result is ever taken for a question.
 */
export const readConversation = (messages: readonly Message[]): Turn => {
  const asked = messages.findLastIndex(
    (message) => message.role === 'user' && !isData(message) && message.content.trim() !== '',
  );
  const turn = messages.slice(asked + 1);
  const replies = new Map<string, Message>();
  for (const message of turn) {
    if (message.role === 'tool' && message.toolCallId !== undefined) {
      replies.set(message.toolCallId, message);
    }
  }
  const results: ToolResult[] = [];
  const answered = new Set<Message>();
  const add = (call: ToolCall, reply: Message | undefined): void => {
    if (reply !== undefined) answered.add(reply);
    const content = reply?.content;
    results.push({
      call,
      content,
      value: content === undefined ? undefined : parseResult(content),
      failed: content !== undefined && /^\s*error\b/i.test(content),
    });
  };
  for (const message of turn) {
    for (const call of message.toolCalls ?? []) add(call, replies.get(call.id));
  }
  // A result without its call is still a result.
  for (const message of turn) {
    if (message.role === 'tool' && !answered.has(message)) {
      add({ id: message.toolCallId ?? '', name: message.name ?? 'tool', args: {} }, message);
    }
  }
  const passages = messages
    .filter((message) => isDocument(message) && message.content.trim() !== '')
    .map(passageOfMessage);
  for (const result of results) {
    if (!result.failed) passages.push(...passagesOf(result.value));
  }
  const seen = new Set<string>();
  return {
    question: asked < 0 ? '' : messages[asked]!.content,
    passages: passages.filter((passage) => {
      const key = `${passage.file}\n${passage.line}\n${passage.text}`;
      return !seen.has(key) && seen.add(key);
    }),
    results,
  };
};
