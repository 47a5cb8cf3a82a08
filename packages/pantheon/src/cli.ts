#!/usr/bin/env node
/** The command `pantheon`. What it does is in command-line.ts. */

// Node calls its SQLite and its TypeScript experimental, on a line of its own, before anything of ours is printed.
const emitWarning = process.emitWarning.bind(process) as (...args: readonly unknown[]) => void;
process.emitWarning = (warning: string | Error, ...rest: readonly unknown[]): void => {
  if (rest[0] !== 'ExperimentalWarning' || !/SQLite|Type Stripping/.test(String(warning)))
    emitWarning(warning, ...rest);
};

const { runCommand } = await import('./command-line.ts');
process.exit(await runCommand(process.argv.slice(2)));
