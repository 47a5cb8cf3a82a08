/** What the workers note of their ticks: one line each, written before they go on, so that a kill loses none. */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic } from './settings.ts';

/** `planned`: the plan of a tick has been recorded in the journal. */
interface Note {
  readonly event: 'began' | 'planned' | 'ended';
  readonly actor: string;
  readonly tick: string;
  /** Of which message. */
  readonly order: string;
  /** How the tick ended. */
  readonly status?: string | undefined;
}

export interface HistoryLine extends Note {
  readonly worker: string;
  readonly at: number;
}

const SUFFIX = '.history';

export interface HistoryFile {
  readonly note: (note: Note) => void;
  readonly close: () => void;
}

export const openHistory = (folder: string, worker: string): HistoryFile => {
  const file = openSync(join(folder, worker + SUFFIX), 'a');
  return {
    note: (note) =>
      void writeSync(file, `${JSON.stringify({ ...note, worker, at: monotonic() })}\n`),
    close: () => closeSync(file),
  };
};

/** All lines of all workers, in the order of time. */
export const readHistory = (folder: string): readonly HistoryLine[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    // A kill may leave half a line.
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as HistoryLine)
    .toSorted((a, b) => a.at - b.at);
