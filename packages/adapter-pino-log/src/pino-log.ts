import type { Log, Now } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import { type LevelWithSilent, type Logger, pino } from 'pino';
import { type LogStream, openDestination } from './log-destination.ts';
import { levelOf } from './log-level.ts';
import { makeRecordMaker } from './plain-record.ts';
import { withoutControls } from './plain-text.ts';
import { prettyLine } from './pretty-line.ts';
import { makeSecretScrubber, type Secrets } from './secret-scrubber.ts';

/** How the log is set up. */
export interface PinoLogOptions {
  /** The least important level that is written. Default `info`; can be changed later by `logger.level`. */
  readonly level?: LevelWithSilent;
  /** A file descriptor, the path of a file to append to, or a stream. Default: standard output. */
  readonly destination?: number | string | LogStream;
  /** One line for a person instead of one line of JSON. Default: whether the destination is a terminal. */
  readonly pretty?: boolean;
  /** Whether pretty lines have colors. Default: on a terminal, unless `NO_COLOR` is set. */
  readonly color?: boolean;
  /**
   * Texts of at least four characters that must not appear in the log, or a function that gives them at every record. What is
   * undefined or empty, as an unset variable is, is left out. Default: none.
   */
  readonly secrets?: Secrets;
  /** UTF-8 bytes of one text in a record at most, 256 to 1,048,576; a record has at most eight times as much. Default 8,192. */
  readonly maxFieldBytes?: number;
  /** Stands in every record. Default: none. */
  readonly name?: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: Now;
  /** A logger of the application, used as it is; only `secrets` and `maxFieldBytes` go with it. Default: one is made. */
  readonly logger?: Logger;
}

/** The log, and what belongs to it. */
export interface PinoLog extends Log {
  /** Resolves when everything that was logged is with the operating system. */
  readonly flush: () => Promise<void>;
  /** Flushes and closes what was opened here; what is logged later is dropped. Idempotent. */
  readonly close: () => Promise<void>;
  /** For records with a level of their own. Registered secrets are scrubbed from these as well; the other rules do not apply. */
  readonly logger: Logger;
}

const OWN_OPTIONS = ['level', 'destination', 'pretty', 'color', 'name', 'now'] as const;

const optionInvalid = (problem: string): PantheonError =>
  new PantheonError('option-invalid', problem);

const requireOptions = (options: PinoLogOptions): void => {
  const { level = 'info', maxFieldBytes = 8_192, logger } = options;
  if (level !== 'silent' && !Object.hasOwn(pino.levels.values, level)) {
    throw optionInvalid(
      `level must be one of ${Object.keys(pino.levels.values).join(', ')} or silent, not ${JSON.stringify(level)}.`,
    );
  }
  if (!Number.isInteger(maxFieldBytes) || maxFieldBytes < 256 || maxFieldBytes > 1_048_576) {
    throw optionInvalid(
      `maxFieldBytes must be an integer from 256 to 1048576, not ${String(maxFieldBytes)}.`,
    );
  }
  const clash =
    logger === undefined ? undefined : OWN_OPTIONS.find((name) => options[name] !== undefined);
  if (clash !== undefined) {
    throw optionInvalid(`${clash} cannot be combined with logger; set it on the logger.`);
  }
};

const allowsColor = (): boolean =>
  (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';

/**
 * Makes the `log` dependency of an orchestrator on pino.
 *
 * Secrets are looked for in every text of a record before pino sees it, and registered ones once more in the finished line:
 * registered texts in any of their usual writings, members whose name says that they are secret, and what looks like a credential.
 * Every record is one physical line, in pretty form as well. Logging returns at once, never throws, and costs next to nothing
 * below the level.
 *
 * Throws `option-invalid`.
 */
export const makePinoLog = (options: PinoLogOptions = {}): PinoLog => {
  requireOptions(options);
  const {
    level = 'info',
    destination = 1,
    secrets = [],
    maxFieldBytes = 8_192,
    name,
    now = Date.now,
  } = options;
  const scrubber = makeSecretScrubber(secrets);
  const makeRecord = makeRecordMaker({
    scrubber,
    maxFieldBytes,
    showLineFeeds: options.logger !== undefined,
  });
  let closing: Promise<void> | undefined;

  const makeLogger = (): {
    logger: Logger;
    flush: () => Promise<void>;
    close: () => Promise<void>;
  } => {
    const output = openDestination(destination);
    const { pretty = output.isTerminal, color = output.isTerminal && allowsColor() } = options;
    const write = (line: string): void => {
      if (closing !== undefined) return;
      try {
        const scrubbed = withoutControls(scrubber.scrubLine(line));
        output.write(pretty ? prettyLine(scrubbed, color) : scrubbed);
      } catch {
        // A log has nobody to tell that it cannot be written.
      }
    };
    const logger = pino(
      { level, timestamp: () => `,"time":${now()}`, ...(name !== undefined && { name }) },
      { write },
    );
    return { logger, flush: output.flush, close: output.close };
  };

  const useLogger = (logger: Logger): ReturnType<typeof makeLogger> => {
    const flush = (): Promise<void> => new Promise((resolve) => logger.flush(() => resolve()));
    return { logger, flush, close: flush };
  };

  const { logger, flush, close } =
    options.logger === undefined ? makeLogger() : useLogger(options.logger);

  const log = (message: string, meta?: unknown): void => {
    try {
      const recordLevel = levelOf(message, meta);
      if (closing !== undefined || !logger.isLevelEnabled(recordLevel)) return;
      const record = makeRecord(String(message), meta);
      logger[recordLevel](record.details, record.message);
    } catch {
      // The contract of `log`: whatever goes wrong here changes nothing there.
    }
  };

  return Object.assign(log, {
    flush,
    close: (): Promise<void> => {
      closing ??= close();
      return closing;
    },
    logger,
  });
};
