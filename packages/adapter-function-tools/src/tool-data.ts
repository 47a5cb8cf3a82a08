import { PantheonError } from '@promethean/pantheon-core';
import { type Issue, issuesText } from './issues.ts';
import { copyPlainData, type PlainDataRules } from './plain-data.ts';
import { truncateText } from './truncate-text.ts';

const DANGEROUS_KEYS: ReadonlySet<string> = new Set(['constructor', 'prototype']);
const NO_KEYS: ReadonlySet<string> = new Set();

/** The refusal of a call's arguments, with the path and the problem of each fault. */
export const argumentsInvalid = (tool: string, issues: readonly Issue[]): PantheonError =>
  new PantheonError(
    'action-invalid',
    `The arguments of tool "${tool}" are not valid: ${issuesText(issues)}. Correct them and call again.`,
    { details: { tool, issues } },
  );

/**
 * A copy of a call's arguments that a schema can safely look at: at most 64 levels, 10,000 values and 256 KiB, no keys
 * `__proto__`, `constructor` and `prototype`, nothing that JSON cannot carry. Throws `action-invalid`.
 */
export const readArguments = (tool: string, args: unknown): Readonly<Record<string, unknown>> => {
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    throw argumentsInvalid(tool, [{ path: 'args', message: 'must be an object' }]);
  }
  return copyPlainData(args, {
    root: 'args',
    maxDepth: 64,
    maxNodes: 10_000,
    maxBytes: 262_144,
    forbiddenKeys: DANGEROUS_KEYS,
    wellFormed: true,
    refuse: (_, path, message) => argumentsInvalid(tool, [{ path, message }]),
  }) as Readonly<Record<string, unknown>>;
};

const resultRules = (tool: string, maxBytes: number): PlainDataRules => ({
  root: 'result',
  maxDepth: 64,
  maxNodes: Infinity,
  maxBytes,
  // A result may come from anywhere and have members of any name.
  forbiddenKeys: NO_KEYS,
  wellFormed: false,
  refuse: (kind, path, problem) =>
    kind === 'invalid'
      ? new PantheonError(
          'tool-result-invalid',
          `Tool "${tool}" returned what is not plain data: ${path} ${problem}.`,
          { details: { tool, path } },
        )
      : new PantheonError(
          'tool-result-too-large',
          `Tool "${tool}" returned too much: ${path} ${problem}. Return less, for instance a page or a reference.`,
          { details: { tool, path, maxResultBytes: maxBytes } },
        ),
});

/**
 * What a call resolves to: nothing, a string within `maxBytes` (cut, if need be), or a copy of plain data within `maxBytes`.
 * Throws `tool-result-invalid` and `tool-result-too-large`.
 */
export const readResult = (tool: string, value: unknown, maxBytes: number): unknown => {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return truncateText(value, maxBytes);
  return copyPlainData(value, resultRules(tool, maxBytes));
};
