/**
 * Leaves out the warnings of Node that its SQLite and its TypeScript are experimental, which it prints on lines of their own before
 * anything of ours. Called before either is imported.
 */
export const quiet = (): void => {
  const emitWarning = process.emitWarning.bind(process) as (...args: readonly unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...rest: readonly unknown[]): void => {
    if (rest[0] !== 'ExperimentalWarning' || !/SQLite|Type Stripping/.test(String(warning)))
      emitWarning(warning, ...rest);
  };
};
