import { PantheonError } from '@promethean/pantheon-core';
import { CheckTooCostly, checkJson, type Issue } from './json-schema.ts';
import { copyJson, type Json } from './plain-json.ts';
import { quoted, type RemoteTool } from './remote-tool.ts';

const DANGEROUS_KEYS: ReadonlySet<string> = new Set(['constructor', 'prototype']);

const invalid = (tool: string, issues: readonly Issue[]): PantheonError =>
  new PantheonError(
    'action-invalid',
    `The arguments of tool ${quoted(tool)} are not valid: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}. Correct them and call again.`,
    { details: { tool, issues } },
  );

/**
 * A copy of a call's arguments: at most 64 levels, 10,000 values and 256 KiB, no keys `__proto__`, `constructor` and `prototype`,
 * nothing that JSON cannot carry. Throws `action-invalid`.
 */
export const readArguments = (tool: string, args: unknown): { [key: string]: Json } => {
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw invalid(tool, [{ path: 'args', message: 'must be an object' }]);
  try {
    return copyArguments(tool, args);
  } catch (error) {
    if (PantheonError.is(error)) throw error;
    throw invalid(tool, [{ path: 'args', message: 'cannot be read' }]); // A getter or a proxy that throws.
  }
};

const copyArguments = (tool: string, args: object): { [key: string]: Json } =>
  copyJson(args, {
    root: 'args',
    maxDepth: 64,
    maxNodes: 10_000,
    maxBytes: 262_144,
    forbiddenKeys: DANGEROUS_KEYS,
    refuse: (_, path, message) => invalid(tool, [{ path, message }]),
  }) as { [key: string]: Json };

/** Throws `action-invalid` for arguments that the tool's schema forbids, and `tool-invalid` for a schema that costs too much. */
export const checkArguments = ({ spec: { name }, schema }: RemoteTool, args: Json): void => {
  let issues: readonly Issue[];
  try {
    issues = checkJson(schema, args, 'args');
  } catch (error) {
    if (!(error instanceof CheckTooCostly)) throw error;
    throw new PantheonError(
      'tool-invalid',
      `The arguments of tool ${quoted(name)} cannot be checked against its schema: ${error.message}. Its server has to simplify the schema.`,
      { details: { tool: name } },
    );
  }
  if (issues.length > 0) throw invalid(name, issues);
};
