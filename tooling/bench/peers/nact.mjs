// W1: one actor per clerk; a query in, the turn in its message handler, the answer out. W2: stateless dispatch.
import { dispatch, query, spawn, start } from 'nact';

export const makeTurn = ({ deps }) => {
  const system = start();
  const clerks = new Map();
  const handle = async (_state, { text, sender }, { self }) => {
    const messages = await deps.context.compile({ texts: [text], sources: [] });
    const { content } = await deps.llm.complete({ messages });
    await deps.tools.invoke('note', { text: content });
    await deps.bus.send({ from: 'clerk', to: 'user', content });
    dispatch(sender, content, self);
  };
  return (n) => {
    if (!clerks.has(n)) clerks.set(n, spawn(system, handle, `clerk-${n}`));
    return query(clerks.get(n), (sender) => ({ text: 'what is new?', sender }), 60_000);
  };
};

export const makePost = () => {
  const system = start();
  const players = new Map();
  return {
    receive: (id, handle) =>
      players.set(
        id,
        spawn(system, () => handle(), id),
      ),
    send: (_from, to) => dispatch(players.get(to), to),
  };
};
