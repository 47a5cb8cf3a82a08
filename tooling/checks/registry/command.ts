import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Default: two minutes. */
  readonly timeoutMs?: number;
}

/** The environment of this process without what `npm run` and settings of the user put there, and without keys. */
export const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(npm_|pnpm_|yarn_|xdg_|init_cwd$|node_options$|ci$|openai_|pantheon_)/i.test(name),
    ),
  );

/**
 * Runs a command without input and returns its standard output. Rejects with the command line and all of its output where it
 * ends with another code than 0, or not in time.
 */
export const runCommand = (
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 120_000 }: CommandOptions,
): Promise<string> =>
  new Promise((resolve, reject) => {
    // A group of its own, so that what a package manager started ends with it.
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let stdout = '';
    let all = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      all += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => (all += chunk.toString()));
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    process.once('exit', end);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    const settle = (code: number | null, error?: Error): void => {
      clearTimeout(timer);
      process.removeListener('exit', end);
      if (code === 0 && !isLate) return resolve(stdout);
      const how = isLate ? `was not done after ${timeoutMs / 1_000} s` : `ended with ${code}`;
      const line = `${command} ${args.join(' ')}`;
      reject(new Error(`"${line}" in ${cwd} ${how}.\n${all.trim()}`, { cause: error }));
    };
    child.once('error', (error) => {
      all += error.message;
      settle(null, error);
    });
    child.once('close', (code) => settle(code));
  });

/** Does something and tells how long it took. */
export const timed = async <Value>(what: string, work: () => Promise<Value>): Promise<Value> => {
  const start = performance.now();
  const value = await work();
  console.log(`    ${what} (${((performance.now() - start) / 1_000).toFixed(1)} s)`);
  return value;
};
