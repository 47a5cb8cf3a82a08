import { hostTimers } from '@promethean/pantheon-core/adapter';
import type { LlmRequest, Timers } from '@promethean/pantheon-core';
import type { Clocks } from './call.ts';
import { makeGate } from './gate.ts';
import type { Gate } from './gate.ts';
import { invalid, requireInteger, requireMs } from './require-option.ts';

/** The options that adapters for language models have in common. */
export interface LlmCallOptions {
  /** 0 to 2. Default: the model's. */
  readonly temperature?: number | undefined;
  /** Default: the model's. */
  readonly maxTokens?: number | undefined;
  /** Repetitions after a failure that may pass. Default 3. */
  readonly maxRetries?: number | undefined;
  /**
   * Ask once more, with the reason, when the model's message is of no use: broken tool calls, no content, not the JSON that was
   * asked for. Never after a part of a stream was delivered. Default `true`.
   */
  readonly repair?: boolean | undefined;
  /** Requests at a time, of all actors together. Default 8. */
  readonly maxConcurrent?: number | undefined;
  /** 0 to 1, for the jitter of waits. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  readonly timers?: Timers | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** The options, checked and complete, and the gate of the adapter. */
export interface CallSettings {
  readonly clocks: Clocks;
  readonly gate: Gate;
  readonly maxRetries: number;
  readonly repair: boolean;
  readonly random: () => number;
  readonly timers: Timers;
  readonly now: () => number;
}

/** Throws `option-invalid`. `clocks` are the option `timeouts`, with its defaults. */
export const readCallOptions = (options: LlmCallOptions, clocks: Clocks): CallSettings => {
  const {
    maxRetries = 3,
    repair = true,
    maxConcurrent = 8,
    random = Math.random,
    timers = hostTimers,
    now = Date.now,
  } = options;
  for (const [name, ms] of Object.entries(clocks)) requireMs(`timeouts.${name}`, ms);
  requireSampling(options);
  requireInteger('maxRetries', maxRetries, 0);
  requireInteger('maxConcurrent', maxConcurrent, 1);
  const gate = makeGate(maxConcurrent, timers, now);
  return { clocks, gate, maxRetries, repair, random, timers, now };
};

/** What options and requests have in common. */
export const requireSampling = ({
  temperature,
  maxTokens,
}: Pick<LlmRequest, 'temperature' | 'maxTokens'>): void => {
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    throw invalid('temperature', 'must be a number from 0 to 2');
  }
  if (maxTokens !== undefined) requireInteger('maxTokens', maxTokens, 1);
};
