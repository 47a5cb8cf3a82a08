import type { PantheonError } from '../core/errors.ts';
import type { ToolCallContext } from '../core/ports.ts';
import { type HostController, type HostSignal, makeController } from './host.ts';

/** What a tool is told about its call. Few tools look at their signal and it is dear, so it is made when it is read. */
export class ToolCall {
  readonly actorId: string | undefined;
  readonly tickId: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly fence: string | undefined;
  readonly timeoutMs: number;
  #controller: HostController | undefined;
  #failure: PantheonError | undefined;

  constructor({ actorId, tickId, idempotencyKey, fence }: ToolCallContext, timeoutMs: number) {
    this.actorId = actorId;
    this.tickId = tickId;
    this.idempotencyKey = idempotencyKey;
    this.fence = fence;
    this.timeoutMs = timeoutMs;
  }

  get signal(): HostSignal {
    if (this.#controller === undefined) {
      this.#controller = makeController();
      if (this.#failure !== undefined) this.#controller.abort(this.#failure);
    }
    return this.#controller.signal;
  }

  /** Aborts the signal of a call, read or not. Not a method, for a tool has no business with it. */
  static giveUp(call: ToolCall, error: PantheonError): void {
    call.#failure = error;
    call.#controller?.abort(error);
  }
}
