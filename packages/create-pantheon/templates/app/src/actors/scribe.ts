import { defineScript } from '@promethean/pantheon';
import type { Action } from '@promethean/pantheon';

/** Keeps the minutes of questions and answers, and brings each answer to you. */
export const scribe = defineScript({
  name: 'scribe',
  contextSources: [],
  permissions: { tools: ['write_minutes'], targets: ['user'], spawn: false },
  talents: [
    {
      name: 'keeping minutes',
      behaviors: [
        {
          name: 'write down',
          mode: 'active',
          plan: ({ message, userMessage = '' }) => {
            const isQuestion = message?.from === 'host';
            const write: Action = {
              type: 'tool',
              name: 'write_minutes',
              args: { speaker: isQuestion ? 'You' : 'Team', text: userMessage },
            };
            const answer: Action = { type: 'message', target: 'user', content: userMessage };
            return { actions: isQuestion ? [write] : [write, answer] };
          },
        },
      ],
    },
  ],
});
