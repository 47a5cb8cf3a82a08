/** A running Pantheon with a person in front of it: lines in, messages out, until a signal. */
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { PantheonError, errorMessage } from '@promethean/pantheon-core';
import type { BusMessage, IMessageBus } from '@promethean/pantheon-core';
import { idOf } from './config-schema.ts';
import type { PantheonConfig } from './config.ts';
import { signalsAreHeard } from './early-signals.ts';
import { makePantheon } from './make-pantheon.ts';

/** How long running ticks may go on after a signal. */
const TICKS_MS = 5_000;
/** How long everything may take after a signal; whoever sent it often kills after ten seconds. */
const STOP_MS = 8_000;
/** Signals within this time are one: a terminal and a parent process may both pass on the same Ctrl-C. */
const SAME_SIGNAL_MS = 500;
/** How often to look whether whoever started this is still there. It also keeps a process alive that waits for other processes. */
const LOOK_MS = 1_000;

const { stdin, stdout, stderr } = process;

/** Removes what could move the cursor or forge a line: what a model writes is data. */
const plain = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, '');

/** The end of the run: a signal, or the end of the conversation. A second signal, or a stop without end, ends the process at once. */
const awaitEnd = (): { readonly ended: Promise<void>; readonly end: () => void } => {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = () => {
      setTimeout(() => {
        stderr.write(`pantheon: not stopped after ${STOP_MS} ms; ended.\n`);
        process.exit(1);
      }, STOP_MS).unref();
      resolve();
    };
  });
  let since: number | undefined;
  const receive = (): void => {
    if (since !== undefined && performance.now() - since > SAME_SIGNAL_MS) process.exit(1);
    since ??= performance.now();
    end();
  };
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  signalsAreHeard();
  return { ended, end };
};

/** Whether a process that feeds us can be told from a service manager that does not: its input is a pipe. */
const isFed = (): boolean => {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false; // It has no input at all.
  }
};

/** Whether the process that started this one, and fed it through a pipe, has died. A service whose input has merely ended goes on. */
const makeIsOrphaned = (): (() => boolean) => {
  const [parent, fed] = [process.ppid, isFed()];
  return () => fed && stdin.readableEnded && process.ppid !== parent;
};

/** Sends what is typed to the actor, and shows what is sent to the user. Returns the function that ends it. */
const converse = (bus: IMessageBus, actorId: string, end: () => void): (() => void) => {
  const isChat = stdin.isTTY && stdout.isTTY;
  const reader = createInterface({
    input: stdin,
    ...(isChat && { output: stdout, prompt: '> ' }),
  });
  const show = (text: string): void => {
    // Over the prompt, and the prompt with what was typed so far below.
    stdout.write(`${isChat ? '\r\u001b[2K' : ''}${plain(text)}\n`);
    if (isChat) reader.prompt(true);
  };
  // Whoever reads the messages has gone.
  stdout.on('error', end);
  const tell = ({ from, content }: BusMessage): void => {
    if (from !== 'user') show(`${from}: ${content}`);
  };
  bus.subscribe(tell, { to: 'user' });

  let sent: Promise<unknown> = Promise.resolve();
  reader.on('line', (line) => {
    const content = line.trim();
    if (isChat) reader.prompt();
    if (content === '') return;
    sent = sent
      .then(() => bus.send({ from: 'user', to: actorId, content }))
      .catch((error: unknown) => stderr.write(`pantheon: not sent: ${errorMessage(error)}\n`));
  });
  // In raw mode Ctrl-C is a key; it means what it always means.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  // The end of a terminal is Ctrl-D. A service has no input from the start, and goes on.
  reader.on('close', () => isChat && end());
  if (isChat) reader.prompt();
  return () => {
    reader.close();
    if (isChat) stdout.write('\n');
  };
};

/** Runs until SIGINT, SIGTERM or the end of the conversation. */
export const runUntilSignal = async (config: PantheonConfig, name: string): Promise<void> => {
  const { actors = [] } = config;
  const [first] = actors;
  if (first === undefined) {
    throw new PantheonError(
      'option-invalid',
      `${name}: "actors" is missing; there is nobody to start.`,
    );
  }
  const pantheon = makePantheon(config);
  const { ended, end } = awaitEnd();
  const isOrphaned = makeIsOrphaned();
  const look = setInterval(() => isOrphaned() && end(), LOOK_MS);
  let leave = (): void => undefined;
  const work = async (): Promise<void> => {
    await pantheon.start();
    const ids = actors.map(idOf);
    stderr.write(`pantheon: ${ids.join(', ')} at work; what you type goes to ${ids[0]}.\n`);
    leave = converse(pantheon.ports.bus, idOf(first), end);
  };
  try {
    await Promise.race([ended, work().then(() => ended)]);
  } finally {
    leave();
    await pantheon.stop({ timeoutMs: TICKS_MS });
    clearInterval(look);
  }
};
