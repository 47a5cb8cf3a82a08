import { defineScript } from '@promethean/pantheon';

const GREETING = /^(hi|hello|hey|help)\b[\s!.?]*$/i;

/** Takes what you type: answers a greeting itself, and gives a question to the scribe and to the researcher. */
export const host = defineScript({
  name: 'host',
  contextSources: [],
  permissions: { tools: [], targets: ['user', 'researcher', 'scribe'], spawn: false },
  talents: [
    {
      name: 'hosting',
      behaviors: [
        {
          name: 'take a line',
          // Active: runs when there is a message for this actor.
          mode: 'active',
          plan: ({ userMessage = '' }) => ({
            actions: GREETING.test(userMessage.trim())
              ? [
                  {
                    type: 'message',
                    content: 'Hello! Ask me about the notes, for example: What is an actor?',
                  },
                ]
              : [
                  { type: 'message', target: 'scribe', content: userMessage },
                  { type: 'message', target: 'researcher', content: userMessage },
                ],
          }),
        },
      ],
    },
  ],
});
