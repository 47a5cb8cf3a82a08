/** Whether a name is among the patterns: exact, or with a trailing `*`. */
export const isNamed = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );
