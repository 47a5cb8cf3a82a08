import type { Tool as ListedTool } from '@modelcontextprotocol/client';
import type { ToolSpec } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import { deepFreeze } from '@promethean/pantheon-core/adapter';
import { createHash } from 'node:crypto';
import { canonicalJson } from './json-schema.ts';
import { copyJson, type Json } from './plain-json.ts';
import { toolName } from './tool-name.ts';

/** What the application knows about a tool; a server's own hints are not believed. */
export interface McpToolSettings {
  /** Default `write`, or `destructive` where the server says so itself. */
  readonly sideEffect?: 'none' | 'write' | 'destructive';
  /** Whether a call whose outcome is unknown may be sent again. Default `false`. */
  readonly idempotent?: boolean;
  /** What becomes of a call whose outcome is unknown, with a journal. Default: `retry` where it is idempotent, else `fail`. */
  readonly onUnknown?: 'retry' | 'fail';
  /** Which calls somebody outside of the model has to grant. Default: none. */
  readonly approval?: NonNullable<ToolSpec['approval']>;
  /** Milliseconds for a call. Default: the port's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** UTF-8 bytes of a result at most. Default: the port's `maxResultBytes`. */
  readonly maxResultBytes?: number;
}

/** A server's tool as the port keeps it. */
export interface RemoteTool {
  /** Frozen, so that it can be handed out again and again. */
  readonly spec: ToolSpec;
  /** Its name on the server. */
  readonly remoteName: string;
  /** What the SDK derives headers from. Without the schema of results, which it would compile with its patterns. */
  readonly definition: ListedTool;
  /** The schema of structured results, as the server sent it. */
  readonly outputSchema: unknown;
  /** Changes with the name, the description, the schema and the hint that it is destructive. */
  readonly fingerprint: string;
  readonly schema: Json;
  readonly maxResultBytes: number | undefined;
  /** Why it is never called. */
  readonly refusal: PantheonError | undefined;
}

const MOST_DESCRIPTION = 1_024;
const REFERENCES: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', '$recursiveRef']);

/** A name from outside, fit for a message. */
export const quoted = (name: string): string => JSON.stringify(name.slice(0, 100));

const digest = (text: string): string =>
  `sha256-${createHash('sha256').update(text).digest('base64')}`;

/** The hash of a list of tools, whatever the order in which the server lists them. */
export const hashOf = (tools: readonly RemoteTool[]): string =>
  digest(JSON.stringify(tools.map(({ fingerprint }) => fingerprint).toSorted()));

/** The first reference to something outside of the schema. */
const foreignReference = (schema: Json): string | undefined => {
  if (typeof schema !== 'object' || schema === null) return undefined;
  for (const [key, member] of Object.entries(schema)) {
    if (REFERENCES.has(key) && typeof member === 'string' && !member.startsWith('#')) return member;
    const found = foreignReference(member);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** A copy of a schema within the limits of what is safe to keep, to show and to check. Throws `tool-invalid`. */
const readSchema = (name: string, schema: unknown): Json => {
  const refused = (problem: string): PantheonError =>
    new PantheonError(
      'tool-invalid',
      `Tool ${quoted(name)} is not offered: ${problem}. Its server has to change the schema.`,
      { details: { tool: name.slice(0, 100) } },
    );
  const copied = copyJson(schema, {
    root: 'inputSchema',
    maxDepth: 64,
    maxNodes: 5_000,
    maxBytes: 131_072,
    refuse: (_, path, problem) => refused(`${path} ${problem}`),
  });
  const reference = foreignReference(copied);
  if (reference !== undefined)
    throw refused(`its schema refers to ${quoted(reference)}, and nothing outside is ever fetched`);
  return copied;
};

const shortened = (text: string): string =>
  (text.length > MOST_DESCRIPTION
    ? `${text.slice(0, MOST_DESCRIPTION - 1)}…`
    : text
  ).toWellFormed();

/** A server's description of a tool, made safe. A tool that cannot be offered has a `refusal`. */
export const readTool = (
  server: string,
  listed: ListedTool,
  settingsOf: (tool: string) => McpToolSettings,
): RemoteTool => {
  const name = toolName(server, listed.name);
  const settings = settingsOf(name);
  const { idempotent, onUnknown, approval, timeoutMs, maxResultBytes } = settings;
  let schema: Json = {};
  let refusal: PantheonError | undefined;
  try {
    schema = deepFreeze(readSchema(name, listed.inputSchema));
  } catch (error) {
    refusal = PantheonError.is(error)
      ? error
      : new PantheonError(
          'tool-invalid',
          `Tool ${quoted(name)} is not offered: ${errorMessage(error)}`,
        );
  }
  // A hint may only make a tool look more dangerous than the default, never less.
  const isDestructive = listed.annotations?.destructiveHint === true;
  const description = listed.description ?? '';
  const subject = refusal === undefined ? canonicalJson(schema) : refusal.message;
  return {
    spec: Object.freeze({
      name,
      ...(description !== '' && { description: shortened(description) }),
      parameters: schema as Readonly<Record<string, unknown>>,
      sideEffect: settings.sideEffect ?? (isDestructive ? 'destructive' : 'write'),
      ...(idempotent !== undefined && { idempotent }),
      ...(onUnknown !== undefined && { onUnknown }),
      ...(approval !== undefined && { approval }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    }),
    remoteName: listed.name,
    definition: { ...listed, outputSchema: undefined },
    outputSchema: listed.outputSchema,
    // With the hint, for a tool that is no longer destructive needs no permission any more.
    fingerprint: digest(
      JSON.stringify([listed.name, description, subject, ...(isDestructive ? [true] : [])]),
    ),
    schema,
    maxResultBytes,
    refusal,
  };
};
