/** Runs a script in a process of its own, so that no contestant inherits another's heap or compiled code. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the script prints, read as JSON. `script` is a file of this folder. */
export const inOwnProcess = async <T>(script: string, args: readonly string[]): Promise<T> => {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    '--conditions=@promethean/source',
    '--expose-gc',
    file,
    ...args,
  ]);
  return JSON.parse(stdout) as T;
};

/** Collects all garbage of this process, and what its finalizers leave. Needs `node --expose-gc`. */
export const collectGarbage = async (): Promise<void> => {
  const { gc } = globalThis as unknown as { readonly gc: () => void };
  for (let pass = 0; pass < 3; pass += 1) {
    gc();
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
};
