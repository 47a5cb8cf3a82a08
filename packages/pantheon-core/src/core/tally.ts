import type { ErrorInfo } from './errors.ts';
import type { Turn } from './turn.ts';
import type { ActionOutcome, BehaviorReport, TickStatus, Usage } from './types.ts';

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };

const isOk = ({ status }: ActionOutcome): boolean => status === 'ok';

/** What the behaviors and actions of a tick came to. */
export class Tally {
  readonly behaviors: BehaviorReport[] = [];
  readonly outcomes: ActionOutcome[] = [];
  usage: Usage = NO_USAGE;
  /** Whether nothing has gone wrong. */
  #clean = true;

  addUsage(usage: Usage): void {
    const { inputTokens, outputTokens, totalTokens } = this.usage;
    this.usage = {
      inputTokens: inputTokens + usage.inputTokens,
      outputTokens: outputTokens + usage.outputTokens,
      totalTokens: totalTokens + usage.totalTokens,
    };
  }

  addOutcome(outcome: ActionOutcome): void {
    this.outcomes.push(outcome);
    this.#clean &&= isOk(outcome);
  }

  addBehavior(
    { behavior: { name, mode }, rounds, startedAt }: Turn,
    now: number,
    error: ErrorInfo | undefined,
  ): void {
    const report = { name, mode, rounds, durationMs: now - startedAt };
    this.behaviors.push(error === undefined ? report : { ...report, error });
    this.#clean &&= error === undefined;
  }

  /** Of a tick that was neither given up nor stopped. */
  status(): Extract<TickStatus, 'ok' | 'partial' | 'failed'> {
    if (this.#clean) return 'ok';
    // A behavior that had nothing to do succeeded too.
    const idle = this.behaviors.some(
      ({ name, error }) =>
        error === undefined && !this.outcomes.some(({ behavior }) => behavior === name),
    );
    return idle || this.outcomes.some(isOk) ? 'partial' : 'failed';
  }
}
