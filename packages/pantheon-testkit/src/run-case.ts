import type { Case, Harness } from './suite.ts';

/** What became of one case. */
export type CaseResult =
  | { readonly status: 'passed'; readonly durationMs: number }
  | { readonly status: 'failed'; readonly durationMs: number; readonly error: unknown }
  /** The port does not claim what the case is about, and has not got it. */
  | { readonly status: 'skipped'; readonly durationMs: number; readonly reason: string };

/** How long `runCase` waits. */
export interface RunCaseOptions {
  /** Milliseconds that making a harness, the case itself, and closing the harness may take each. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** The same for a case whose capability is not declared. Default 2,000. */
  readonly undeclaredTimeoutMs?: number | undefined;
}

/** What `runCase` can be told besides. */
export interface RunCaseHooks<H extends Harness> extends RunCaseOptions {
  /** Called when the case has a harness, before it runs. What it throws fails the case. */
  readonly onMade?: (harness: H) => void;
  /** Called when the case has passed and its harness is closed. */
  readonly onClosed?: (harness: H) => Promise<void>;
}

/** Runs something and waits no longer than that; the timer keeps the process alive, so that a hanging port is reported. */
export const bounded = async <T>(
  run: () => T | Promise<T>,
  what: string,
  timeoutMs: number,
): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      run(),
      new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`${what} did not end within ${timeoutMs} ms.`)),
          timeoutMs,
        );
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
};

/** Makes a harness; one that comes too late is closed. */
export const makeBounded = async <H extends Harness>(
  makeHarness: () => H | Promise<H>,
  timeoutMs: number,
): Promise<H> => {
  let isLate = false;
  const making = (async () => makeHarness())();
  const closeLate = async (harness: H): Promise<void> => {
    if (isLate) await harness.close?.();
  };
  making.then(closeLate).catch(() => undefined);
  try {
    return await bounded(() => making, 'The making of the harness', timeoutMs);
  } catch (error) {
    isLate = true;
    throw error;
  }
};

/** Closes a harness. */
export const closeBounded = (harness: Harness, timeoutMs: number): Promise<void> =>
  bounded(async () => harness.close?.(), 'close() of the harness', timeoutMs);

/**
 * Runs one case on a harness of its own, and never rejects. A case whose capability the harness does not declare is run as well: it is
 * skipped when it fails or hangs, and fails when it passes.
 */
export const runCase = async <H extends Harness>(
  { id, requires, run }: Case<H>,
  makeHarness: () => H | Promise<H>,
  options: RunCaseHooks<H> = {},
): Promise<CaseResult> => {
  const { timeoutMs = 30_000, undeclaredTimeoutMs = 2_000, onMade, onClosed } = options;
  const startedAt = performance.now();
  const durationMs = (): number => Math.round(performance.now() - startedAt);
  const failed = (error: unknown): CaseResult => ({
    status: 'failed',
    durationMs: durationMs(),
    error,
  });

  let harness: H;
  try {
    harness = await makeBounded(makeHarness, timeoutMs);
  } catch (error) {
    return failed(error);
  }
  const isDeclared = requires === undefined || harness.supports?.includes(requires) === true;
  const limitMs = isDeclared ? timeoutMs : Math.min(timeoutMs, undeclaredTimeoutMs);
  const failures: unknown[] = [];
  const attempt = async (step: () => unknown): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };

  await attempt(() => onMade?.(harness));
  const isRefused = failures.length > 0;
  if (!isRefused) await attempt(() => bounded(() => run(harness), id, limitMs));
  const hasPassed = failures.length === 0;
  // A call that hangs may keep the port from closing; that says nothing new.
  await attempt(() => closeBounded(harness, hasPassed ? limitMs : Math.min(limitMs, 5_000)));

  if (isDeclared || isRefused) {
    if (failures.length === 0) await attempt(() => onClosed?.(harness));
    return failures.length > 0
      ? failed(failures[0])
      : { status: 'passed', durationMs: durationMs() };
  }
  return hasPassed
    ? failed(
        new Error(
          `${id} passes although it is not declared: add "${requires}" to supports of the harness.`,
        ),
      )
    : {
        status: 'skipped',
        durationMs: durationMs(),
        reason: `The port does not claim "${requires}".`,
      };
};
