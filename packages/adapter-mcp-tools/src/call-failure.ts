import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import type { Connection } from './connection.ts';
import { STREAM_BROKEN } from './http-transport.ts';
import { quoted } from './remote-tool.ts';
import { scrub } from './stderr-tail.ts';

/** What a failed call means for the next step. */
export interface CallFailure {
  /**
   * - `answered`: the server answered, or sending again is pointless.
   * - `not-started`: the server cannot have run the tool; the connection is of no more use.
   * - `broken`: the answer is missing; nobody can know.
   */
  readonly kind: 'answered' | 'not-started' | 'broken';
  readonly error: PantheonError;
}

/** What is known when a call fails. */
export interface FailedCall {
  readonly error: unknown;
  readonly tool: string;
  readonly server: string;
  /** The setting that names the server: `servers.files.command`. */
  readonly setting: string;
  readonly idempotent: boolean;
  readonly connection: Connection;
  readonly secrets: readonly string[];
}

/** Errors of a socket that was never connected. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const NODE_CODE = /^(?:E[A-Z]{3,}|EAI_[A-Z]+|UND_ERR_[A-Z_]+|ERR_TLS_[A-Z_]+|[A-Z_]*CERT[A-Z_]*)$/;
const MOST_CAUSES = 5;

/** The code that the host gave a failed connection; `fetch` and the SDK hide it below several causes. */
export const networkCode = (error: unknown): string | undefined => {
  let cause = error;
  for (let depth = 0; depth < MOST_CAUSES && cause instanceof Error; depth += 1) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && NODE_CODE.test(code)) return code;
    ({ cause } = cause);
  }
  return undefined;
};

/** The status with which a server refused; below the causes as well. */
export const statusOf = (error: unknown): number | undefined => {
  let cause = error;
  for (let depth = 0; depth < MOST_CAUSES && cause instanceof Error; depth += 1) {
    if (SdkHttpError.isInstance(cause)) return cause.status;
    ({ cause } = cause);
  }
  return undefined;
};

/** Reads a failed call. */
export const failureOf = (call: FailedCall): CallFailure => {
  const { error, tool, server, setting, idempotent, connection, secrets } = call;
  const details = { tool, server };
  const text = scrub(errorMessage(error), secrets);

  const failed = (reason = text): CallFailure => ({
    kind: 'answered',
    error: new PantheonError('tool-failed', `Tool ${quoted(tool)} failed: ${reason}`, {
      cause: error,
      details,
    }),
  });
  const unavailable = (
    kind: CallFailure['kind'],
    reason: string,
    lookAt: string = setting,
  ): CallFailure => ({
    kind,
    error: new PantheonError(
      'unavailable',
      `Server ${quoted(server)} did not run ${quoted(tool)}: ${reason}. Check ${lookAt}.`,
      { retryable: true, cause: error, details },
    ),
  });
  const broken = (reason: string): CallFailure => ({
    kind: 'broken',
    error: new PantheonError(
      'outcome-unknown',
      `The connection to server ${quoted(server)} broke during the call of ${quoted(tool)} (${reason}), so its outcome is unknown.`,
      { retryable: idempotent, cause: error, details },
    ),
  });

  const violation = connection.violation();
  if (violation !== undefined) {
    const { message, details: limits } = violation;
    return {
      kind: 'answered',
      error: new PantheonError('tool-result-too-large', `Server ${quoted(server)} ${message}.`, {
        details: { ...limits, ...details },
      }),
    };
  }
  if (PantheonError.is(error)) return { kind: 'answered', error };
  if (SdkHttpError.isInstance(error)) {
    const { status } = error;
    // A session that the server forgot: whatever was sent under it was not run.
    if (status === 404 && connection.hasSession())
      return unavailable('not-started', 'its session is gone (HTTP 404)');
    if (status === 429 || status === 503) return unavailable('answered', `HTTP ${status}`);
    if (status >= 500) return broken(`HTTP ${status}`);
    if (status === 401 || status === 403)
      return unavailable(
        'answered',
        `it refuses the credentials (HTTP ${status})`,
        `servers.${server}.headers`,
      );
    return unavailable('answered', `${text} (HTTP ${status})`);
  }
  if (ProtocolError.isInstance(error))
    return error.code === STREAM_BROKEN ? broken(text) : failed();
  if (SdkError.isInstance(error)) {
    switch (error.code) {
      case SdkErrorCode.NotConnected:
        return unavailable('not-started', text);
      case SdkErrorCode.SendFailed:
        return unavailable('answered', text);
      case SdkErrorCode.ConnectionClosed:
        return broken(connection.ended() ?? 'it was closed');
      case SdkErrorCode.InvalidResult:
        return {
          kind: 'answered',
          error: new PantheonError(
            'tool-result-invalid',
            `Tool ${quoted(tool)} gave a result that is none: ${text}`,
            {
              cause: error,
              details,
            },
          ),
        };
      case SdkErrorCode.UnsupportedResultType:
        return failed('it asks for input from a person, which this port cannot give');
      default:
        return failed();
    }
  }
  const code = networkCode(error);
  return code !== undefined && UNREACHABLE.has(code)
    ? unavailable('not-started', `${text} (${code})`)
    : broken(text);
};
