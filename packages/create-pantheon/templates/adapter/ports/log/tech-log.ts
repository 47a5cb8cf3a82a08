import { type Log, PantheonError } from '@promethean/pantheon-core';

/** Settings of `makeTechLog`. */
export interface TechLogOptions {
  /** Gets every record as one line of JSON, without its line break. */
  readonly write: (line: string) => void;
}

/** A log returns at once and never throws, whatever it is handed and whatever becomes of `write`. */
export const makeTechLog = (options: TechLogOptions): Log => {
  const { write } = options;
  return () => {
    throw new PantheonError('capability-missing', 'makeTechLog: the log is not implemented yet.');
  };
};
