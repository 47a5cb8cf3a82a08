import { spawn } from 'node:child_process';

/** How a command ended: its exit code, or why it has none. */
export type CommandEnd = number | 'missing' | 'aborted';

/** Runs a command in a folder until it ends. What it prints is seen, unless it is `quiet`. */
export const runCommand = (
  command: string,
  args: readonly string[],
  cwd: string,
  options: { readonly signal: AbortSignal; readonly quiet?: boolean },
): Promise<CommandEnd> =>
  new Promise((resolve) => {
    const { signal, quiet = false } = options;
    if (signal.aborted) return resolve('aborted');
    const child = spawn(command, args, {
      cwd,
      stdio: quiet ? 'ignore' : 'inherit',
      // On Windows package managers are scripts. No argument comes from a user.
      shell: process.platform === 'win32',
    });
    const stop = (): void => void child.kill();
    signal.addEventListener('abort', stop, { once: true });
    const end = (how: CommandEnd): void => {
      signal.removeEventListener('abort', stop);
      resolve(signal.aborted ? 'aborted' : how);
    };
    child.on('error', () => end('missing'));
    child.on('close', (code) => end(code ?? 1));
    return undefined;
  });
