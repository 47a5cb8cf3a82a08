import { isatty } from 'node:tty';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import { pino } from 'pino';

/** The slice of a stream that is written to. */
export interface LogStream {
  readonly write: (line: string) => unknown;
}

/** Where records go. */
export interface LogDestination {
  readonly isTerminal: boolean;
  readonly write: (line: string) => void;
  /** Resolves when everything that was written is with the operating system. */
  readonly flush: () => Promise<void>;
  /** Flushes, and closes what was opened here. */
  readonly close: () => Promise<void>;
}

interface FlushableStream extends LogStream {
  readonly isTTY?: boolean;
  readonly flush?: (done: (error?: Error | null) => void) => void;
  readonly writable?: boolean;
  readonly writableLength?: number;
}

/** Bytes that are kept while writing fails; beyond, records are dropped. */
const MOST_UNWRITTEN = 1_048_576;

const flushStream = (stream: FlushableStream): Promise<void> =>
  new Promise((resolve) => {
    if (typeof stream.flush === 'function') stream.flush(() => resolve());
    else if (stream.writable === true && (stream.writableLength ?? 0) > 0) {
      (stream as unknown as NodeJS.WritableStream).write('', () => resolve());
    } else resolve();
  });

const warnOnce = (): ((error: Error) => void) => {
  let warned = false;
  return (error) => {
    if (warned) return;
    warned = true;
    process.emitWarning(`The log cannot be written: ${errorMessage(error)}`, 'PantheonLogWarning');
  };
};

/** Opens a destination: a file descriptor, the path of a file that is appended to, or a stream. Throws `option-invalid`. */
export const openDestination = (destination: number | string | LogStream): LogDestination => {
  if (typeof destination === 'object') {
    const stream: FlushableStream = destination;
    return {
      isTerminal: stream.isTTY === true,
      write: (line) => void stream.write(line),
      flush: () => flushStream(stream),
      close: () => flushStream(stream),
    };
  }
  try {
    const file = pino.destination({ dest: destination, sync: true, maxLength: MOST_UNWRITTEN });
    // Without a listener, a full disk or a closed descriptor would end the process.
    file.on('error', warnOnce());
    return {
      isTerminal: typeof destination === 'number' && isatty(destination),
      write: (line) => void file.write(line),
      // Every write was synchronous. The library's own flush would retry for ever, and block, where writing fails.
      flush: () => Promise.resolve(),
      close: () =>
        new Promise((resolve) => {
          if (typeof destination === 'string') {
            file.once('close', resolve);
            file.destroy();
            // Destroying does nothing after a broken pipe.
            if ((file as { destroyed?: boolean }).destroyed === true) return;
          }
          resolve();
        }),
    };
  } catch (error) {
    throw new PantheonError(
      'option-invalid',
      `destination ${JSON.stringify(destination)} cannot be opened: ${errorMessage(error)}`,
      { cause: error },
    );
  }
};
