import type { CallToolResult } from '@modelcontextprotocol/client';
import { PantheonError } from '@promethean/pantheon-core';
import { CheckTooCostly, checkJson, type Issue } from './json-schema.ts';
import { copyJson, type Json } from './plain-json.ts';
import { quoted, type RemoteTool } from './remote-tool.ts';

type Block = CallToolResult['content'][number];

/** The parts of a block that mean something to a caller; `type` is the marker. */
const blockData = (block: Block): Readonly<Record<string, unknown>> => {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image':
    case 'audio':
      return { type: block.type, mimeType: block.mimeType, data: block.data };
    case 'resource_link': {
      const { uri, name, description, mimeType } = block;
      return { type: 'resource_link', uri, name, description, mimeType };
    }
    default:
      return { type: 'resource', resource: { ...block.resource, _meta: undefined } };
  }
};

const textOf = (content: readonly Block[]): string =>
  content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');

const valueOf = ({ structuredContent, content }: CallToolResult): unknown => {
  if (structuredContent !== undefined) return structuredContent;
  if (content.length === 0) return undefined;
  if (content.every((block) => block.type === 'text')) return textOf(content);
  return { content: content.map(blockData) };
};

/** Throws when structured content breaks the schema that its server announced; where that cannot be told in bounded time, it passes. */
const checkStructure = (schema: unknown, value: Json, invalid: (text: string) => Error): void => {
  if (schema === undefined) return;
  let issue: Issue | undefined;
  try {
    [issue] = checkJson(schema as Json, value, 'result');
  } catch (error) {
    if (error instanceof CheckTooCostly || error instanceof RangeError) return;
    throw error;
  }
  if (issue !== undefined) throw invalid(`${issue.path} ${issue.message}`);
};

/**
 * What a call resolves to: the structured content where there is some; else the texts, joined by line breaks; else, with images or
 * resources among them, `{ content: [...] }` with the `type` of each; nothing for an empty answer.
 *
 * Throws `tool-failed` with the server's text for an `isError` answer, `tool-result-too-large`, and `tool-result-invalid`.
 */
export const readToolResult = (
  { spec: { name }, outputSchema }: RemoteTool,
  result: CallToolResult,
  maxBytes: number,
): unknown => {
  const invalid = (problem: string): PantheonError =>
    new PantheonError(
      'tool-result-invalid',
      `Tool ${quoted(name)} gave a result that cannot be used: ${problem}.`,
      { details: { tool: name } },
    );
  if (result.isError === true) {
    const text = textOf(result.content).slice(0, 1_500).toWellFormed();
    throw new PantheonError(
      'tool-failed',
      `Tool ${quoted(name)} failed: ${text || 'its server gave no reason'}`,
      { details: { tool: name } },
    );
  }
  const value = valueOf(result);
  if (value === undefined) return undefined;
  // Text is data of its own: what a server cut in the middle of a character is repaired, not refused.
  const copied = copyJson(typeof value === 'string' ? value.toWellFormed() : value, {
    root: 'result',
    maxDepth: 64,
    maxNodes: Infinity,
    maxBytes,
    refuse: (kind, path, problem) =>
      kind === 'invalid'
        ? invalid(`${path} ${problem}`)
        : new PantheonError(
            'tool-result-too-large',
            `Tool ${quoted(name)} gave too much: ${path} ${problem}. Ask for less, or raise maxResultBytes.`,
            { details: { tool: name, path, maxResultBytes: maxBytes } },
          ),
  });
  if (result.structuredContent !== undefined) checkStructure(outputSchema, copied, invalid);
  return copied;
};
