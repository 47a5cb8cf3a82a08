import type { Message } from '@promethean/pantheon-core';

/**
 * Only some messages of the wire have room for images. Those of the others follow in a message of the user, which comes after
 * the last result where it would separate the results of a turn.
 */
export const withImagesOfUser = (
  messages: readonly Message[],
  hasRoom: (message: Message) => boolean,
): readonly Message[] => {
  const moved: Message[] = [];
  let waiting: Message[] = [];
  for (const message of messages) {
    if (message.role !== 'tool') {
      moved.push(...waiting);
      waiting = [];
    }
    const { images = [], ...bare } = message;
    if (images.length === 0 || hasRoom(message)) {
      moved.push(message);
      continue;
    }
    moved.push(bare);
    const of =
      message.role === 'tool'
        ? `result of the tool call ${message.toolCallId}`
        : `${message.role} message before`;
    waiting.push({ role: 'user', content: `Images of the ${of}:`, images });
  }
  return [...moved, ...waiting];
};
