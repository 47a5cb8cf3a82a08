/** The one error of Pantheon, and the codes that tell its kinds apart. */

/**
 * What went wrong. Documented one by one in docs/reference/errors.md, where a test compares the two lists.
 * A code never changes its meaning; new ones may come with a minor release.
 */
export type ErrorCode =
  // What the caller handed over
  | 'actor-invalid'
  | 'action-invalid'
  | 'plan-invalid'
  | 'message-invalid'
  | 'message-too-large'
  | 'interval-invalid'
  | 'option-invalid'
  | 'script-unknown'
  // Actors, ticks, mailboxes
  | 'actor-unknown'
  | 'actor-not-runnable'
  | 'actor-busy'
  | 'mailbox-full'
  | 'mailbox-dropped'
  | 'message-expired'
  | 'tick-reentrant'
  | 'tick-cancelled'
  | 'tick-unknown'
  | 'lease-lost'
  | 'orchestrator-stopped'
  | 'timeout'
  // Limits
  | 'rounds-exceeded'
  | 'hops-exceeded'
  | 'spawn-limit'
  | 'budget-exhausted'
  | 'permission-denied'
  | 'approval-required'
  | 'approval-denied'
  | 'approval-expired'
  | 'approval-unknown'
  | 'approval-conflict'
  // Ports
  | 'closed'
  | 'capability-missing'
  | 'unavailable'
  | 'outcome-unknown'
  | 'state-conflict'
  | 'journal-conflict'
  | 'journal-invalid'
  | 'bus-full'
  | 'send-unknown'
  | 'recipient-unknown'
  | 'deliveries-exceeded'
  | 'source-unknown'
  | 'tool-unknown'
  | 'tool-duplicate'
  | 'tool-invalid'
  | 'tool-failed'
  | 'tool-result-invalid'
  | 'tool-result-too-large'
  | 'llm-failed'
  | 'llm-rate-limited'
  | 'llm-unauthorized'
  | 'llm-malformed'
  | 'llm-truncated'
  | 'script-exhausted'
  | 'file-unreadable'
  // Anything that carries no code of ours
  | 'unexpected';

/** An error as plain data, as reports, events and dead letters carry it. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

/** What a `PantheonError` is made from. */
export interface PantheonErrorOptions {
  /** Whether the same call may succeed later without a change by the caller. Default `false`. */
  readonly retryable?: boolean | undefined;
  readonly cause?: unknown;
  /** Plain data for programs: the path, the limit, the actual value. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

const BRAND: unique symbol = Symbol.for('promethean.pantheon.error') as never;

/**
 * Every error that Pantheon raises on purpose. The message says what was wrong, where, and what to do; `retryable` is decided
 * where the error arises. Recognise it with `PantheonError.is`, which also holds across two copies of this package.
 */
export class PantheonError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: PantheonErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PantheonError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }

  /** Whether a value is a `PantheonError`, of this or of another copy of the package; with `code`, of that kind. */
  static is(value: unknown, code?: ErrorCode): value is PantheonError {
    if (typeof value !== 'object' || value === null) return false;
    try {
      return (
        (value as { [BRAND]?: unknown })[BRAND] === true &&
        (code === undefined || (value as PantheonError).code === code)
      );
    } catch {
      return false; // A proxy whose traps throw is none of ours.
    }
  }
}
Object.defineProperty(PantheonError.prototype, BRAND, { value: true });

/**
 * The text of anything that can be thrown: strings, null, proxies and errors whose `message` throws included.
 * At most 2,000 characters, so that no error floods a log.
 */
export const errorMessage = (error: unknown): string => {
  try {
    const text = error instanceof Error ? error.message : String(error);
    return text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text;
  } catch {
    return 'an error that cannot be read';
  }
};

/** An error as plain data; what is not ours gets the code `unexpected`. */
export const errorInfo = (error: unknown): ErrorInfo =>
  PantheonError.is(error)
    ? { code: error.code, message: errorMessage(error), retryable: error.retryable }
    : { code: 'unexpected', message: errorMessage(error), retryable: false };
