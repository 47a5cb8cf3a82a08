/** What the tests of this package share: a folder of their own and processes that write to one file. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that is gone after the test. */
export const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-sqlite-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** What a writer reports at its end. */
interface WriterReport {
  readonly acknowledged: number;
  readonly conflicts: number;
}

/** Another process that counts the actor `ada` up, from the moment of `go`. */
export interface Writer {
  readonly go: () => void;
  /** The number of updates that it reported as acknowledged so far. */
  readonly acknowledged: () => number;
  readonly report: Promise<WriterReport>;
  readonly kill: () => Promise<void>;
}

/** Starts a writer; resolves when it waits for `go`. */
export const startWriter = async (path: string, increments: number): Promise<Writer> => {
  const child: ChildProcess = fork(
    new URL('./writer.ts', import.meta.url),
    [path, `${increments}`],
    {
      execArgv: ['--conditions=@promethean/source', '--no-warnings'],
    },
  );
  const exit = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  let acknowledged = 0;
  const report = new Promise<WriterReport>((resolve, reject) => {
    child.on('message', (message) => {
      if (typeof message === 'number') acknowledged = message;
      else if (typeof message === 'object') resolve(message as WriterReport);
    });
    void exit.then(([code]) => reject(new Error(`The writer ended with ${String(code)}.`)));
  });
  report.catch(() => undefined);
  await once(child, 'message');
  return {
    go: () => child.send('go'),
    acknowledged: () => acknowledged,
    report,
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
};
