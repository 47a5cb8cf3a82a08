import { PantheonError } from '../core/errors.ts';
import type { BusMessage, Metadata, OutgoingMessage } from '../core/types.ts';
import { copyJson, deepFreeze } from './plain-data.ts';
import { contentProblem, isLongerThan, nameProblem } from '../core/text.ts';

const refuse = (path: string, problem: string): never => {
  throw new PantheonError('message-invalid', `message.${path} ${problem}.`, { details: { path } });
};

const refuseMetadata = (path: string, problem: string): never =>
  refuse(path, `${problem}; it must be JSON`);

const requireName = (value: unknown, path: string): void => {
  const problem = nameProblem(value);
  if (problem !== undefined) refuse(path, problem);
};

const copyMetadata = (metadata: unknown): Metadata => {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    refuse('metadata', 'must be an object');
  return deepFreeze(copyJson(metadata, 'metadata', refuseMetadata)) as Metadata;
};

/**
 * Refuses what no bus may deliver (bus:11): throws `message-invalid` with the path of what is wrong, or `message-too-large`. The
 * metadata is left to `toBusMessage`, which has to copy it anyway.
 */
export const requireMessage = (message: OutgoingMessage, maxMessageBytes: number): void => {
  if (typeof message !== 'object' || message === null) {
    throw new PantheonError(
      'message-invalid',
      `A message must be an object, not ${message === null ? 'null' : typeof message}.`,
    );
  }
  const { from, to, content, id, causationId, hops } = message;
  requireName(from, 'from');
  requireName(to, 'to');
  // Its length first: to look through a hundred megabytes takes longer than to refuse them.
  if (typeof content === 'string' && isLongerThan(content, maxMessageBytes)) {
    throw new PantheonError(
      'message-too-large',
      `message.content has more than ${maxMessageBytes} bytes; send a reference to it instead.`,
      {
        details: { maxMessageBytes },
      },
    );
  }
  const problem = contentProblem(content);
  if (problem !== undefined) refuse('content', problem);
  if (id !== undefined) requireName(id, 'id');
  if (causationId !== undefined) requireName(causationId, 'causationId');
  if (hops !== undefined && !(Number.isSafeInteger(hops) && hops >= 0))
    refuse('hops', `must be a whole number from 0, not ${String(hops)}`);
};

/**
 * The message as it is delivered, copied from a message that `requireMessage` has let pass. Throws `message-invalid` where the
 * metadata is not JSON. The metadata is frozen, the message is not: where several get the same object, use `deepFreeze` (port:1).
 */
export const toBusMessage = (message: OutgoingMessage, id: string, sentAt: number): BusMessage => {
  const { from, to, content, hops = 0, causationId, metadata } = message;
  if (causationId === undefined && metadata === undefined)
    return { from, to, content, id, sentAt, hops };
  return {
    from,
    to,
    content,
    id,
    sentAt,
    hops,
    ...(causationId !== undefined && { causationId }),
    ...(metadata !== undefined && { metadata: copyMetadata(metadata) }),
  };
};
