/** What a tick hands to the context port and to a behavior's `plan`. Members that cost something are made when they are read. */
import { abortReason } from './drive.ts';
import type { Step } from './drive.ts';
import { PantheonError, errorInfo } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { isSurelyUndone } from './ledger.ts';
import { usableTools } from './limits.ts';
import type { Lineage } from './limits.ts';
import type { ContextRequest } from './ports.ts';
import type {
  ActionOutcome,
  Actor,
  BusMessage,
  ContextSource,
  LanguageModel,
  LlmChunk,
  LlmRequest,
  Message,
  PlanInput,
  ToolSpec,
  Usage,
} from './types.ts';

/** What all plans of a tick have in common. */
export interface PlanScope {
  readonly kernel: Kernel;
  readonly tickId: string;
  readonly actor: Actor;
  readonly lineage: Lineage;
  readonly goal: string;
  readonly context: readonly Message[];
  readonly userMessage: string | undefined;
  readonly message: BusMessage | undefined;
  addUsage(usage: Usage): void;
}

/** A rough count for reservations: four characters a token. What the model reports replaces it. */
const estimateTokens = (messages: readonly Message[]): number =>
  messages.reduce((sum, { content }) => sum + Math.ceil(content.length / 4), 0);

/** The answer that is reserved for when the caller sets no limit and the budget does. */
const DEFAULT_ANSWER_TOKENS = 4_096;

/** How often a call that others are quicker than tries to reserve what is left. */
const MAX_RESERVATIONS = 10;

/** Just `{ texts, sources }`, as the specification has it; whose context it is can be read besides. */
export class TickContextRequest implements ContextRequest {
  readonly texts: readonly string[];
  readonly sources: readonly ContextSource[];
  readonly #actorId: string;

  constructor(actorId: string, texts: readonly string[], sources: readonly ContextSource[]) {
    this.texts = texts;
    this.sources = sources;
    this.#actorId = actorId;
  }

  get actorId(): string {
    return this.#actorId;
  }
}

/**
 * A plan's request with the signal of the plan. A signal costs more than the rest of a tick, so it is made when it is read.
 */
class TickLlmRequest implements LlmRequest {
  readonly messages: LlmRequest['messages'];
  readonly model: LlmRequest['model'];
  readonly tools: LlmRequest['tools'];
  readonly temperature: LlmRequest['temperature'];
  readonly maxTokens: LlmRequest['maxTokens'];
  readonly format: LlmRequest['format'];
  readonly timeoutMs: LlmRequest['timeoutMs'];
  readonly #own: AbortSignal | undefined;
  readonly #step: Step;

  constructor(request: LlmRequest, step: Step, maxTokens: number | undefined) {
    this.messages = request.messages;
    this.model = request.model;
    this.tools = request.tools;
    this.temperature = request.temperature;
    this.maxTokens = maxTokens;
    this.format = request.format;
    this.timeoutMs = request.timeoutMs;
    this.#own = request.signal;
    this.#step = step;
  }

  get signal(): AbortSignal {
    return this.#own ?? this.#step.signal;
  }
}

/** The LLM port as one plan sees it: bound to the plan's signal, counted, and within the budgets. */
class TickLlm implements LanguageModel {
  readonly complete: LanguageModel['complete'];
  readonly stream?: NonNullable<LanguageModel['stream']>;

  constructor(scope: PlanScope, step: Step) {
    const { llm } = scope.kernel.deps;
    const complete: LanguageModel['complete'] = async (request) => {
      const call = new LlmCall(scope, request);
      if (call.isLimited) await call.reserve(step);
      let message: Message;
      try {
        message = await llm.complete(call.bind(step));
      } catch (error) {
        await call.failed(error);
        throw error;
      }
      const settled = call.ended(message.usage);
      if (settled !== undefined) await settled;
      return message;
    };
    // Not where it is written: V8 puts such a closure among what is old, where it keeps its whole tick until the next full collection.
    this.complete = complete;
    if (llm.stream !== undefined) {
      const stream = llm.stream;
      this.stream = async function* accounted(request): AsyncGenerator<LlmChunk> {
        const call = new LlmCall(scope, request);
        if (call.isLimited) await call.reserve(step);
        try {
          for await (const chunk of stream(call.bind(step))) {
            if (chunk.type === 'message') await call.ended(chunk.message.usage);
            yield chunk;
          }
        } catch (error) {
          await call.failed(error);
          throw error;
        }
      };
    }
  }
}

/** What a failed call came to: adapters put it into the details of the error where the model's server tells. */
const usageOf = (error: unknown): Usage | undefined =>
  PantheonError.is(error) ? (error.details['usage'] as Usage | undefined) : undefined;

/** One call of a model: what is reserved for it before, and what it came to. */
class LlmCall {
  readonly #scope: PlanScope;
  readonly #request: LlmRequest;
  readonly #startedAt: number;
  /** Whether a budget has to allow it first. */
  readonly isLimited: boolean;
  #maxTokens: number | undefined;
  #reserved: Usage | undefined;

  constructor(scope: PlanScope, request: LlmRequest) {
    this.#scope = scope;
    this.#request = request;
    this.#startedAt = scope.kernel.observed ? scope.kernel.deps.now() : 0;
    this.#maxTokens = request.maxTokens;
    const { accounts } = scope.lineage;
    this.isLimited = scope.kernel.ledger.limits(accounts, 'tokens', 'cost');
  }

  /** The request, with the plan's signal and with no more tokens than the budget has left. */
  bind(step: Step): LlmRequest {
    return new TickLlmRequest(this.#request, step, this.#maxTokens);
  }

  /** Counts what the call has used, and tells of it. */
  #note(usage: Usage | undefined, error: unknown): void {
    const { kernel, actor, tickId } = this.#scope;
    if (usage !== undefined) this.#scope.addUsage(usage);
    if (!kernel.observed) return;
    const at = kernel.deps.now();
    kernel.emit({
      type: 'llm-answered',
      at,
      actorId: actor.id,
      tickId,
      durationMs: at - this.#startedAt,
      usage,
      ...(error === undefined ? undefined : { error: errorInfo(error) }),
    });
  }

  /** Waits until the correction is kept, so that the next reservation, wherever it is made, finds what is left. */
  ended(usage: Usage | undefined): Promise<void> | undefined {
    this.#note(usage, undefined);
    return usage === undefined || this.#reserved === undefined ? undefined : this.#settle(usage);
  }

  /**
   * A failed call keeps its reservation, unless its error tells what the model has charged for it, or that the model was not even
   * asked.
   */
  async failed(error: unknown): Promise<void> {
    const usage = usageOf(error);
    this.#note(usage, error);
    if (this.#reserved === undefined) return;
    if (usage !== undefined) await this.#settle(usage);
    else if (isSurelyUndone(error)) await this.#giveBack(this.#reserved);
  }

  /** Reserves what the call may come to at most. Rejects with `budget-exhausted`; the call must not be made then. */
  async reserve(step: Step): Promise<void> {
    const { signal } = step;
    const { kernel, lineage } = this.#scope;
    const { ledger } = kernel;
    const { accounts } = lineage;
    const wanted = this.#request.maxTokens;
    const inputTokens = estimateTokens(this.#request.messages);
    for (let attempt = 1; ; attempt += 1) {
      const left = wanted === undefined ? await ledger.left(accounts, 'tokens') : Infinity;
      const outputTokens =
        wanted ?? Math.min(DEFAULT_ANSWER_TOKENS, Math.max(1, left - inputTokens));
      const totalTokens = inputTokens + outputTokens;
      const reserved = { inputTokens, outputTokens, totalTokens };
      const refusal = await ledger.take(accounts, {
        tokens: totalTokens,
        cost: this.#cost(reserved),
      });
      if (refusal === undefined) {
        if (signal.aborted) {
          await this.#giveBack(reserved);
          throw abortReason(signal);
        }
        if (ledger.limits(accounts, 'tokens')) this.#maxTokens = outputTokens;
        this.#reserved = reserved;
        return;
      }
      // Others have taken of what was left; a shorter answer may still do.
      const isOvertaken = refusal.resource === 'tokens' && left - inputTokens >= 1;
      if (wanted !== undefined || !isOvertaken || attempt === MAX_RESERVATIONS)
        throw ledger.refused(refusal);
    }
  }

  async #settle(usage: Usage): Promise<void> {
    const { kernel, lineage } = this.#scope;
    const reserved = this.#reserved as Usage;
    // The reservation is settled once, also where a stream tells twice.
    this.#reserved = undefined;
    await kernel.ledger.adjust(lineage.accounts, {
      // Nobody uses less than nothing; what a model claims must not give back what others have spent.
      tokens: Math.max(0, usage.totalTokens) - reserved.totalTokens,
      cost: Math.max(0, this.#cost(usage)) - this.#cost(reserved),
    });
  }

  #giveBack(reserved: Usage): Promise<void> {
    const { kernel, lineage } = this.#scope;
    this.#reserved = undefined;
    return kernel.ledger.giveBack(lineage.accounts, {
      tokens: reserved.totalTokens,
      cost: this.#cost(reserved),
    });
  }

  #cost(usage: Usage): number {
    return this.#scope.kernel.settings.estimateCost(usage, this.#request.model);
  }
}

export class TickPlanInput implements PlanInput {
  readonly goal: string;
  readonly context: readonly Message[];
  readonly round: number;
  readonly outcomes: readonly ActionOutcome[];
  readonly carry: unknown;
  readonly #scope: PlanScope;
  readonly #step: Step;
  #llm: LanguageModel | undefined = undefined;

  constructor(
    scope: PlanScope,
    step: Step,
    round: number,
    outcomes: readonly ActionOutcome[],
    carry: unknown,
  ) {
    this.goal = scope.goal;
    this.context = scope.context;
    this.round = round;
    this.outcomes = outcomes;
    this.carry = carry;
    this.#scope = scope;
    this.#step = step;
  }

  get actor(): Actor {
    return this.#scope.actor;
  }

  get userMessage(): string | undefined {
    return this.#scope.userMessage;
  }

  get message(): BusMessage | undefined {
    return this.#scope.message;
  }

  get now(): () => number {
    return this.#scope.kernel.deps.now;
  }

  get signal(): AbortSignal {
    return this.#step.signal;
  }

  get llm(): LanguageModel {
    return (this.#llm ??= new TickLlm(this.#scope, this.#step));
  }

  get tools(): readonly ToolSpec[] {
    const { kernel, lineage } = this.#scope;
    return usableTools(lineage, kernel.deps.tools.list?.() ?? []);
  }
}
