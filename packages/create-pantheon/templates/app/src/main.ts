/** Starts the team and lets you talk to it, one line at a time, until the input ends or Ctrl-C. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { errorMessage, loadConfig, makePantheon } from '@promethean/pantheon';
import type { BusMessage, Pantheon, PantheonEvent } from '@promethean/pantheon';

const ROOT = join(import.meta.dirname, '..');
const { stdin, stdout } = process;
const isChat = stdin.isTTY && stdout.isTTY;
/** Ends the wait for an answer; a text says why there is none. */
let settle: (failure?: string) => void = () => {};

/** Shows who writes to whom, and what went wrong. The type of the event tells what else can be seen. */
const observe = (event: PantheonEvent): void => {
  if (event.type === 'message-sent') console.error(`  ${event.actorId} -> ${event.to}`);
  if (event.type === 'message-dead')
    settle(`Nobody took a message: ${event.letter.reason.message}`);
  if (event.type !== 'tick-ended') return;
  const { behaviors = [], outcomes = [] } = event.report ?? {};
  const messages = outcomes.filter(({ action }) => action.type === 'message');
  const [error] = [event, ...behaviors, ...messages].flatMap((part) => part.error ?? []);
  if (error !== undefined) settle(`${event.actorId} could not go on: ${error.message}`);
};

/** Gives a line to the host, and waits until an actor has answered the user, or resolves to what failed. */
const ask = ({ orchestrator }: Pantheon, line: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    settle = resolve;
    orchestrator.deliver('host', line).catch((error: unknown) => settle(errorMessage(error)));
  });

const chat = async (pantheon: Pantheon): Promise<void> => {
  let prompt = (): void => {};
  // Whoever writes to the user, and whenever: there may be more than one answer, or one that nobody asked for.
  const show = ({ content }: BusMessage): void => {
    // Over the prompt, which comes again below it with what was typed so far.
    console.log(isChat ? `\r\u001b[2K${content}` : content);
    settle();
    prompt();
  };
  pantheon.ports.bus.subscribe(show, { to: 'user' });
  await pantheon.start();
  if (isChat) console.log('Ask the team about the files in ./notes. Ctrl-D ends.');

  const reader = createInterface(isChat ? { input: stdin, output: stdout } : { input: stdin });
  let isEnding = false;
  const end = (): void => {
    isEnding = true;
    reader.close();
    settle('Ended before there was an answer.');
  };
  reader.on('SIGINT', end);
  process.on('SIGINT', end);
  process.on('SIGTERM', end);

  if (isChat) prompt = () => !isEnding && reader.prompt(true);
  prompt();
  for await (const line of reader) {
    if (isEnding) break;
    if (line.trim() !== '') {
      const failure = await ask(pantheon, line.trim());
      if (failure !== undefined) {
        console.log(failure);
        // In a chat somebody has seen it; a program looks at the exit code.
        if (!isChat) process.exitCode = 1;
      }
    }
    prompt();
  }
};

try {
  const settings = join(ROOT, '.env');
  if (existsSync(settings)) process.loadEnvFile(settings);
  const config = await loadConfig({ cwd: ROOT });
  const pantheon = makePantheon({ ...config, observe });
  try {
    await chat(pantheon);
  } finally {
    await pantheon.stop();
    // What pantheon.config.ts made itself is closed here.
    const { bus, schedule, leases, tools, llm, context, journal, state } = pantheon.ports;
    for (const port of [bus, schedule, leases, tools, llm, context, journal, state])
      await port?.close?.();
  }
} catch (error) {
  console.error(errorMessage(error));
  process.exit(1);
}
