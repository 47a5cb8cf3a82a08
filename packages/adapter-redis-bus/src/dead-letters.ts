import type { DeadLetter, DeadLetters, ErrorInfo } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import {
  decodeId,
  encodeId,
  requireMessage,
  toBusMessage,
} from '@promethean/pantheon-core/adapter';
import { deadKey } from './keys.ts';
import type { Settings } from './options.ts';
import { reportDropped } from './outbox.ts';
import type { Entry } from './plain-subscriptions.ts';
import type { Link } from './redis-client.ts';
import { BURY, REDRIVE } from './scripts.ts';
import { decodeMessage, encodeMessage, unreadable } from './wire.ts';

export interface RedisDeadLettersOptions {
  readonly settings: Settings;
  readonly prefix: string;
  /** Calls the server when it can be reached, and translates what goes wrong. */
  readonly ask: <T>(
    what: string,
    isChange: boolean,
    call: (link: Link) => Promise<T>,
  ) => Promise<T>;
}

const PAGE = 100;

const readLetter = ([entry, fields]: Entry): DeadLetter => {
  const of = (name: string): string | undefined => {
    const at = fields.findIndex((field, index) => index % 2 === 0 && field === name);
    return at === -1 ? undefined : fields[at + 1];
  };
  const to = decodeId(of('to') ?? 'unknown');
  const wire = of('m');
  let message: DeadLetter['message'];
  try {
    message = decodeMessage(wire);
  } catch {
    message = unreadable(entry, to, wire);
  }
  const reason = of('r') ?? '';
  return {
    message,
    reason:
      reason === ''
        ? {
            code: 'recipient-unknown',
            message: `Nobody takes messages to "${to}".`,
            retryable: false,
          }
        : (JSON.parse(reason) as ErrorInfo),
    attempts: Number(of('a')),
    deadAt: Number(of('d')),
  };
};

/** The dead letters of the namespace, shared by all its buses. */
export const makeDeadLetters = ({
  settings,
  prefix,
  ask,
}: RedisDeadLettersOptions): DeadLetters => {
  const { maxDeadLetters, capacity, retention, maxMessageBytes, report } = settings;
  return {
    list: () =>
      ask('list dead letters', false, async (link) => {
        const letters: DeadLetter[] = [];
        for (let from = '-'; ;) {
          const page = (await link.call(
            'xrange',
            deadKey(prefix),
            from,
            '+',
            'COUNT',
            PAGE,
          )) as readonly Entry[];
          for (const entry of page) letters.push(readLetter(entry));
          const last = page.at(-1);
          if (last === undefined || page.length < PAGE) return letters;
          from = `(${last[0]}`;
        }
      }),
    add: async ({ message, reason, attempts }) => {
      requireMessage(message, maxMessageBytes);
      const wire = encodeMessage(toBusMessage(message, message.id, message.sentAt));
      const info = JSON.stringify({ ...reason, message: errorMessage(reason.message) });
      const args = [maxDeadLetters, encodeId(message.to), message.id, wire, info, attempts];
      const dropped = await ask('add a dead letter', true, (link) => link.run(BURY, prefix, args));
      reportDropped(dropped as readonly string[], maxDeadLetters, report);
    },
    redrive: async (messageId) => {
      const args = [capacity, retention, maxDeadLetters, messageId];
      const sent = await ask('redrive a dead letter', true, (link) =>
        link.run(REDRIVE, prefix, args),
      );
      if (typeof sent === 'number') return sent === 1;
      throw new PantheonError(
        'bus-full',
        `The group "${decodeId(String(sent))}" holds ${capacity} messages to this recipient already; redrive the letter again later.`,
        { retryable: true },
      );
    },
  };
};
