// `node start-child.mjs`: does nothing. `node start-child.mjs core`: imports the core as it is published. `node start-child.mjs turn`: imports its memory as well, and runs one turn.
// Plain JavaScript, because stripping types would take longer than what is measured.
const published = new URL('../../packages/pantheon-core/dist/bundle/', import.meta.url);
if (process.argv[2] === 'turn') {
  const { makeOrchestrator } = await import(new URL('index.js', published));
  const memory = await import(new URL('memory.js', published));
  const plan = async ({ context, llm }) => {
    const { content } = await llm.complete({ messages: context });
    return {
      actions: [
        { type: 'tool', name: 'note', args: { text: content } },
        { type: 'message', content },
      ],
    };
  };
  const state = memory.makeMemoryState();
  const tools = memory.makeMemoryTools();
  tools.register({ name: 'note', invoke: ({ text }) => text.length });
  const { deliver } = makeOrchestrator({
    now: Date.now,
    log: () => {},
    context: memory.makeMemoryContext({ documents: { notes: ['Be brief.', 'Be kind.'] } }),
    tools,
    llm: memory.makeScriptedLlm(['nothing is new']),
    bus: memory.makeMemoryBus(),
    schedule: memory.makeMemoryScheduler(),
    state,
  });
  const { id } = await state.spawn(
    {
      name: 'clerk',
      contextSources: [{ id: 'notes', label: 'Notes' }],
      talents: [{ name: 'talk', behaviors: [{ name: 'answer', mode: 'active', plan }] }],
    },
    'answer',
  );
  const { status, outcomes } = await deliver(id, 'what is new?');
  if (status !== 'ok' || outcomes.length !== 2) throw new Error(`the turn ended as ${status}`);
  const sockets = process
    .getActiveResourcesInfo()
    .filter((name) => /TCP|UDP|Pipe.*Server/.test(name));
  if (sockets.length > 0) throw new Error(`sockets are open: ${sockets.join(', ')}`);
}
if (process.argv[2] === 'core') await import(new URL('index.js', published));
