import type { LlmChunk, LlmRequest, ToolCallContext } from '@promethean/pantheon-core';
import { PantheonError } from '@promethean/pantheon-core';
import type { PortKind } from './ports-by-kind.ts';

/** What a policy changes of a call; what it does not name stays as the caller gave it. */
export interface Bounds {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * One call of a port, whichever port it is, as policies see it. Signals can be dear to make, so `signal` is a function and is asked
 * only where something must be waited for.
 */
export interface PortCall<Result> {
  readonly port: PortKind;
  readonly method: string;
  /** The tool's name, the model that was asked for. */
  readonly name: string | undefined;
  /** Calls of one lane take effect in their order. */
  readonly lane: unknown;
  /** Whether the port takes a signal and a time limit: llm and tools. */
  readonly isBounded: boolean;
  readonly signal: () => AbortSignal | undefined;
  /** The caller's limit for the whole call. */
  readonly timeoutMs: number | undefined;
  /** Whether the call may be made again although it may have taken effect. */
  readonly isRepeatable: () => boolean;
  /** Makes the call. Without bounds the port gets the very objects that the caller gave. */
  readonly run: (bounds?: Bounds) => Result;
}

type Answer<T> = PortCall<Promise<T>>;
type Stream = PortCall<AsyncIterable<LlmChunk>>;

/** What a decorator does around the calls of a port. `call` runs the port before it returns unless it has to wait. */
export interface Policy {
  readonly call: <T>(call: Answer<T>) => Promise<T>;
  readonly stream: (call: Stream) => AsyncIterable<LlmChunk>;
  /** Ends what the policy waits for. Called before the port's own `close`. */
  readonly close?: () => void;
  /** Names messages without an id, so that they can be sent again. */
  readonly newId?: () => string;
  /** Whether a call may be made more than once; what is written is copied at the call then. */
  readonly repeats?: boolean;
  /** Wraps the handlers and tasks that the port calls. */
  readonly callback?: <A extends readonly unknown[]>(
    call: Pick<PortCall<unknown>, 'port' | 'method'>,
    run: (...args: A) => unknown,
  ) => (...args: A) => unknown;
}

/**
 * The request with other bounds. The members are named, for some may be getters of a prototype.
 */
export const boundedRequest = (request: LlmRequest, bounds: Bounds): LlmRequest => ({
  messages: request.messages,
  model: request.model,
  tools: request.tools,
  temperature: request.temperature,
  maxTokens: request.maxTokens,
  format: request.format,
  signal: bounds.signal ?? request.signal,
  timeoutMs: bounds.timeoutMs ?? request.timeoutMs,
});

/** The context of a tool's call with other bounds, named for the same reason. */
export const boundedContext = (call: ToolCallContext, bounds: Bounds): ToolCallContext => {
  const { actorId, tickId, idempotencyKey, fence } = call;
  const signal = bounds.signal ?? call.signal;
  const timeoutMs = bounds.timeoutMs ?? call.timeoutMs;
  return {
    ...(actorId !== undefined && { actorId }),
    ...(tickId !== undefined && { tickId }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(fence !== undefined && { fence }),
    ...(signal !== undefined && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
};

/** A call in an error's message: `tools.invoke "search"`. */
export const describeCall = ({ port, method, name }: Described): string =>
  name === undefined ? `${port}.${method}` : `${port}.${method} ${JSON.stringify(name)}`;

type Described = Pick<PortCall<unknown>, 'port' | 'method' | 'name'>;

/** The error of a call whose caller gave up. */
export const cancelledError = (call: Described, signal: AbortSignal | undefined): PantheonError =>
  new PantheonError('tick-cancelled', `${describeCall(call)} was cancelled.`, {
    cause: signal?.reason,
  });
