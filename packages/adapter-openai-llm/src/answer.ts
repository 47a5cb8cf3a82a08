import { malformed } from '@promethean/llm-calls';
import type { PantheonError, Usage } from '@promethean/pantheon-core';

// What both of the vendor's APIs have in common. Loose on what we do not use, strict on what we do: an answer is not trusted.

export const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;

/** What the answer says it cost, in the words of either API; undefined where it does not say. */
export const readUsage = (answer: unknown): Usage | undefined => {
  const usage = asRecord(asRecord(answer)?.['usage']);
  const count = (...names: readonly string[]): number | undefined =>
    names
      .map((name) => usage?.[name])
      .find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
  const inputTokens = count('prompt_tokens', 'input_tokens');
  const outputTokens = count('completion_tokens', 'output_tokens') ?? 0;
  if (inputTokens === undefined) return undefined;
  return {
    inputTokens,
    outputTokens,
    totalTokens: count('total_tokens') ?? inputTokens + outputTokens,
  };
};

/** Some servers report a failure with status 200, or in the middle of a stream. */
export const requireNoError = (answer: unknown): void => {
  const error = asRecord(answer)?.['error'];
  if (error === undefined || error === null) return;
  const { message, code, type } = asRecord(error) ?? { message: error };
  const isStatus = Number.isInteger(code) && (code as number) >= 400;
  const status = isStatus ? code : code === 'rate_limit_exceeded' ? 429 : 500;
  throw Object.assign(new Error(typeof message === 'string' ? message : 'no explanation'), {
    status,
    code,
    type,
  });
};

/** An answer that was cut off by its own limits. */
export const cutOffBy = (reason: 'length' | 'filter', path: string): PantheonError => {
  const by = reason === 'length' ? 'the limit of tokens (maxTokens)' : 'the content filter';
  return malformed(path, `was cut off by ${by}`, 'llm-truncated');
};

export const refused = (path: string, refusal: string): PantheonError =>
  malformed(path, `is set, the model refused: ${refusal.slice(0, 300)}`);
