import { Problem } from './problem.ts';
import { runCommand } from './run-command.ts';

/** Makes a repository of a folder, unless git is missing or the folder is inside one. Rejects with a `Problem`. */
export const initGit = async (folder: string, signal: AbortSignal): Promise<void> => {
  const quiet = { signal, quiet: true };
  const inside = await runCommand('git', ['rev-parse', '--is-inside-work-tree'], folder, quiet);
  if (inside === 0 || inside === 'missing') return;
  const end = await runCommand('git', ['init', '--quiet'], folder, { signal });
  if (end === 0) return;
  throw new Problem(
    `git init ${end === 'aborted' ? 'was interrupted' : 'failed'} in ${folder}; everything else is there.`,
    'Run it there yourself, or use --no-git.',
  );
};
