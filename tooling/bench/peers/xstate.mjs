// A machine with a state for each thing that a turn waits for; a fresh actor for each turn, as its guide does for a request.
import { assign, createActor, createMachine, fromPromise, toPromise } from 'xstate';

export const makeTurn = ({ deps }) => {
  const step = (src, onDone, target) => ({
    invoke: { src, input: ({ context }) => context, onDone: { target, actions: assign(onDone) } },
  });
  const machine = createMachine(
    {
      initial: 'compiling',
      context: ({ input }) => ({ text: input.text, messages: [], content: '' }),
      states: {
        compiling: step('compile', { messages: ({ event }) => event.output }, 'answering'),
        answering: step('complete', { content: ({ event }) => event.output.content }, 'noting'),
        noting: step('note', {}, 'sending'),
        sending: step('send', {}, 'done'),
        done: { type: 'final' },
      },
    },
    {
      actors: {
        compile: fromPromise(({ input }) =>
          deps.context.compile({ texts: [input.text], sources: [] }),
        ),
        complete: fromPromise(({ input }) => deps.llm.complete({ messages: input.messages })),
        note: fromPromise(({ input }) => deps.tools.invoke('note', { text: input.content })),
        send: fromPromise(({ input }) =>
          deps.bus.send({ from: 'clerk', to: 'user', content: input.content }),
        ),
      },
    },
  );
  return () => {
    const actor = createActor(machine, { input: { text: 'what is new?' } });
    actor.start();
    return toPromise(actor);
  };
};
