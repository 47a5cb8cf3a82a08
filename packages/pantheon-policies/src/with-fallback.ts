import type { ILlmPort, LlmChunk, LlmRequest, Message, Timers } from '@promethean/pantheon-core';
import { hostTimers } from '@promethean/pantheon-core/adapter';
import { errorInfo, PantheonError } from '@promethean/pantheon-core';
import { notify } from './notify.ts';
import { boundedRequest, cancelledError } from './port-call.ts';
import { type Decorated, findPort } from './ports-by-kind.ts';
import { optionInvalid } from './require-option.ts';

/** A model that failed and will be followed by the next one. */
export interface FallbackEvent {
  /** The place of the model in the list, from 0. */
  readonly from: number;
  readonly to: number;
  readonly error: unknown;
}

/** Settings of `withFallback`. */
export interface FallbackOptions {
  /**
   * Which models are asked for the request's `model`. Default `first`: the others use their own default, for they seldom know each
   * other's names.
   */
  readonly passModel?: 'first' | 'all';
  /** Whether the next model is asked after an error. Default: after `unavailable` and after whatever says that it is retryable. */
  readonly fallbackIf?: (error: unknown) => boolean;
  /** Told whenever the next model is asked. What it throws is ignored. */
  readonly onFallback?: (event: FallbackEvent) => unknown;
  /** Default: the process's. */
  readonly timers?: Pick<Timers, 'now'>;
}

const isWorthAnother = (error: unknown): boolean =>
  PantheonError.is(error) && (error.retryable || error.code === 'unavailable');

/**
 * One model out of several: asks the first, and the next one when it fails for a reason that another model need not share. Never after the
 * caller's abort, a refused request, or once a part of a stream was handed on.
 *
 * A request's `timeoutMs` bounds all models together; give each a limit of its own with `withTimeout`. `stream` is there where one of the
 * models has it; of a model without it, the whole answer comes as one piece. When several were asked, the error is that of the last one, with
 * `details.failures` of all. Throws `option-invalid`.
 */
export const withFallback = <const L extends readonly [ILlmPort, ...ILlmPort[]]>(
  llms: L,
  options: FallbackOptions = {},
): Decorated<L[number]> => {
  const {
    passModel = 'first',
    fallbackIf = isWorthAnother,
    onFallback,
    timers = hostTimers,
  } = options;
  if (!Array.isArray(llms) || llms.length === 0) {
    throw optionInvalid('llms', 'a list of at least one model', llms);
  }
  if (passModel !== 'first' && passModel !== 'all') {
    throw optionInvalid('passModel', '"first" or "all"', passModel);
  }
  const ports = llms.map((llm) => findPort('withFallback', llm, ['llm']).port);

  /** The models that one request goes through. */
  const startAsking = (
    request: LlmRequest,
  ): {
    readonly port: () => ILlmPort;
    readonly request: () => LlmRequest;
    readonly next: (error: unknown) => void;
  } => {
    const { timeoutMs } = request;
    const startedAt = timeoutMs === undefined ? 0 : timers.now();
    const failures: { readonly code: string; readonly message: string }[] = [];
    let index = 0;
    const leftMs = (): number | undefined =>
      timeoutMs === undefined ? undefined : timeoutMs - (timers.now() - startedAt);
    return {
      port: () => ports[index] as ILlmPort,
      request: () => {
        if (index === 0) return request;
        const bounded = boundedRequest(request, { timeoutMs: leftMs() });
        return passModel === 'all' ? bounded : { ...bounded, model: undefined };
      },
      next: (error) => {
        failures.push(summary(error));
        const { signal } = request;
        if (PantheonError.is(error, 'tick-cancelled')) throw error;
        if (signal?.aborted === true) {
          throw cancelledError({ port: 'llm', method: 'complete', name: request.model }, signal);
        }
        // A host's timer may be a millisecond early; what is left then is no time to ask another.
        const isOver = index + 1 >= ports.length || (leftMs() ?? Infinity) <= 1;
        if (isOver || !fallbackIf(error)) throw withFailures(error, failures);
        notify(onFallback, { from: index, to: index + 1, error });
        index += 1;
      },
    };
  };

  const complete = async (request: LlmRequest): Promise<Message> => {
    const asking = startAsking(request);
    for (;;) {
      try {
        return await asking.port().complete(asking.request());
      } catch (error) {
        asking.next(error);
      }
    }
  };

  const stream = async function* (request: LlmRequest): AsyncIterable<LlmChunk> {
    const asking = startAsking(request);
    for (;;) {
      let begun = false;
      try {
        for await (const chunk of streamOf(asking.port(), asking.request())) {
          begun ||= chunk.type !== 'text' || chunk.text !== '';
          yield chunk;
        }
        return;
      } catch (error) {
        if (begun) throw error;
        asking.next(error);
      }
    }
  };

  return {
    complete,
    ...(ports.some((port) => port.stream !== undefined) && { stream }),
    ...(ports.some((port) => port.close !== undefined) && {
      close: async () => {
        const closed = await Promise.allSettled(ports.map(async (port) => port.close?.()));
        for (const result of closed) if (result.status === 'rejected') throw result.reason;
      },
    }),
  } as Decorated<L[number]>;
};

/** A model's stream, or its whole answer as one. */
const streamOf = async function* (port: ILlmPort, request: LlmRequest): AsyncIterable<LlmChunk> {
  if (port.stream !== undefined) {
    yield* port.stream(request);
    return;
  }
  const message = await port.complete(request);
  if (message.content !== '') yield { type: 'text', text: message.content };
  yield { type: 'message', message };
};

const summary = (error: unknown): { readonly code: string; readonly message: string } => {
  const { code, message } = errorInfo(error);
  return { code, message };
};

/** The last error, with what all said where there was more than one. */
const withFailures = (
  error: unknown,
  failures: readonly { readonly code: string; readonly message: string }[],
): unknown => {
  if (failures.length < 2 || !PantheonError.is(error)) return error;
  return new PantheonError(
    error.code,
    `None of ${failures.length} models answered; the last one: ${error.message}`,
    { retryable: error.retryable, cause: error, details: { ...error.details, failures } },
  );
};
