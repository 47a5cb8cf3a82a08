/** The user's side of the bus: a question goes out, an answer or a failure comes back. */
import { errorMessage } from '@promethean/pantheon-core';
import type { IMessageBus, PantheonEvent } from '@promethean/pantheon-core';
import { sourcesOf } from './sources.ts';
import type { Source } from './sources.ts';

type Reply =
  | { readonly kind: 'answer'; readonly answer: string; readonly sources: readonly Source[] }
  | { readonly kind: 'failure'; readonly reason: string };

export interface Conversation {
  /** Asks, and resolves when there is an answer, or when there will be none. One question at a time. */
  readonly ask: (question: string) => Promise<Reply>;
  /** To be told of events: a question whose tick failed gets no answer. */
  readonly observe: (event: PantheonEvent) => void;
}

/** `onNotice` gets what is said without being asked. */
export const makeConversation = (
  bus: IMessageBus,
  conciergeId: string,
  onNotice: (text: string) => void,
): Conversation => {
  let settle: (reply: Reply) => void = () => {};

  bus.subscribe(
    ({ content, metadata }) => {
      const kind = metadata?.['kind'];
      if (kind === 'notice') onNotice(content);
      else if (kind === 'failure') settle({ kind: 'failure', reason: content });
      else settle({ kind: 'answer', answer: content, sources: sourcesOf(metadata) });
    },
    { to: 'user' },
  );

  return {
    ask: (question) =>
      new Promise((resolve) => {
        settle = resolve;
        bus.send({ from: 'user', to: conciergeId, content: question }).catch((error: unknown) => {
          resolve({ kind: 'failure', reason: `The question was not sent: ${errorMessage(error)}` });
        });
      }),
    observe(event) {
      if (event.type === 'message-dead') {
        settle({ kind: 'failure', reason: `Nobody could answer: ${event.letter.reason.message}` });
      } else if (event.type === 'tick-ended' && event.report?.hasInput === true) {
        const { status, behaviors, outcomes } = event.report;
        if (status === 'ok' || status === 'partial') return;
        const error = [...behaviors, ...outcomes].find((part) => part.error !== undefined)?.error;
        settle({
          kind: 'failure',
          reason: `Nobody could answer: ${error?.message ?? `the tick was ${status}`}`,
        });
      }
    },
  };
};
