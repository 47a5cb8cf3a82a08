import type { ILlmPort, JsonValue, LlmChunk, LlmRequest, Message } from '@promethean/pantheon-core';
import { errorMessage, PantheonError } from '@promethean/pantheon-core';
import {
  type RecordedError,
  type Recording,
  readCassette,
  writeCassette,
} from './cassette-file.ts';
import {
  type CassetteRequest,
  cassetteRequest,
  inWords,
  keyOf,
  nearest,
} from './cassette-request.ts';
import { makeRedaction } from './redaction.ts';

/** Settings of `makeLlmCassette`. */
export interface LlmCassetteOptions {
  /** The file, JSON. One cassette at a time writes it. */
  readonly path: string;
  /**
   * - `replay`: answers from the file; the model is never called.
   * - `record`: calls the model and writes the file anew.
   * - `auto`: answers from the file, and calls the model for what is not in it.
   *
   * Default `replay`.
   */
  readonly mode?: 'replay' | 'record' | 'auto' | undefined;
  /** The model to record, for `record` and `auto`. It is not closed by the cassette. */
  readonly llm?: ILlmPort | undefined;
  /** Secrets: none of these texts reaches the file. Four characters or more each. Default none. */
  readonly redact?: readonly string[] | undefined;
}

/** A model whose answers were recorded. */
export interface LlmCassette extends ILlmPort {
  /** How many recordings of the file have not been replayed. */
  readonly unused: () => number;
  readonly close: () => Promise<void>;
}

/** What says nothing about the model: the caller's own doing. */
const OWN_DOING: readonly string[] = ['tick-cancelled', 'closed', 'option-invalid'];

/**
 * Records a model's answers in a file, and replays them without it. A call is answered by the recording of the same request: messages,
 * tools, format and settings; the order of different requests does not matter, and several recordings of one request are replayed in
 * their order. A request without a recording rejects with `script-exhausted`, naming the nearest one and where it differs.
 *
 * Errors of the model are recorded as well; those of the caller (an abort, a closed port) are not. A replay does not wait, so
 * `timeoutMs` never ends it.
 *
 * Throws `option-invalid` for wrong settings, and `file-unreadable` for a file that is no cassette, or is missing in `replay`.
 */
export const makeLlmCassette = (options: LlmCassetteOptions): LlmCassette => {
  const { path, mode = 'replay', llm, redact = [] } = options;
  if (typeof path !== 'string' || path === '')
    throw new PantheonError('option-invalid', 'path must name a file.');
  if (!['replay', 'record', 'auto'].includes(mode))
    throw new PantheonError(
      'option-invalid',
      `mode must be replay, record or auto, not ${JSON.stringify(mode)}.`,
    );
  if (mode !== 'replay' && llm === undefined)
    throw new PantheonError('option-invalid', `llm is missing: mode "${mode}" calls a model.`);
  const redaction = makeRedaction(redact);
  const recorded = mode === 'record' ? [] : readCassette(path);
  if (recorded === undefined && mode === 'replay')
    throw new PantheonError(
      'file-unreadable',
      `There is no cassette ${path}; record it with mode "record".`,
    );

  /** In the order of the calls; a call that has not ended has no recording yet. */
  const places: (Recording | undefined)[] = [...(recorded ?? [])];
  const unused = new Map<string, Recording[]>();
  for (const recording of recorded ?? []) {
    const key = keyOf(recording.request);
    unused.set(key, [...(unused.get(key) ?? []), recording]);
  }
  const open = new Set<Promise<unknown>>();
  let writing: Promise<void> = Promise.resolve();
  let closing: Promise<void> | undefined;

  const save = (): Promise<void> => {
    const saved = writing.then(() =>
      writeCassette(
        path,
        places.filter((place) => place !== undefined),
      ),
    );
    writing = saved.catch(() => undefined);
    return saved;
  };

  const missing = (asked: CassetteRequest): PantheonError => {
    const known = (recorded ?? []).map(({ request }) => request);
    const times = known.filter((request) => keyOf(request) === keyOf(asked)).length;
    const near = nearest(known, asked);
    let why = 'it is empty';
    if (near !== undefined)
      why = `the nearest is number ${near.index + 1}, which differs at ${inWords(near.difference)}`;
    if (times > 0)
      why = `it was recorded ${times === 1 ? 'once' : `${times} times`}, all of which have been replayed`;
    return new PantheonError(
      'script-exhausted',
      `The cassette ${path} has no recording for this request: ${why}.`,
    );
  };

  /** What a call begins with: the recording to replay, or the place to fill. */
  const begin = (
    call: CassetteRequest['call'],
    request: LlmRequest,
  ): { readonly request: CassetteRequest; readonly replay?: Recording } => {
    if (closing !== undefined) throw new PantheonError('closed', 'The cassette is closed.');
    if (!Array.isArray(request.messages) || request.messages.length === 0)
      throw new PantheonError('option-invalid', 'messages must have at least one message.');
    if (request.signal?.aborted === true) throw cancelled();
    const asked = redaction.of(cassetteRequest(call, request));
    const replay = unused.get(keyOf(asked))?.shift();
    if (replay !== undefined) return { request: asked, replay };
    if (mode === 'replay') throw missing(asked);
    return { request: asked };
  };

  /** Keeps a place for a call among the recordings, and gives the function that fills it. */
  const placeFor = (
    request: CassetteRequest,
  ): ((end: Omit<Recording, 'request'>) => Promise<void>) => {
    const index = places.push(undefined) - 1;
    return async (end) => {
      places[index] = structuredClone({ request, ...redaction.of(end) });
      await save();
    };
  };

  const recordedError = (error: unknown): RecordedError => {
    const { code, retryable, details } = PantheonError.is(error)
      ? error
      : { code: 'llm-failed' as const, retryable: false, details: {} };
    const cause = (error as { readonly cause?: unknown } | null | undefined)?.cause;
    return {
      code,
      message: errorMessage(error),
      retryable,
      ...(Object.keys(details).length > 0 && { details: plainOf(details) }),
      ...(cause !== undefined && { cause: errorMessage(cause) }),
    };
  };

  const answer = async (request: LlmRequest): Promise<Message> => {
    const { request: asked, replay } = begin('complete', request);
    if (replay !== undefined) return answerOf(replay);
    const fill = placeFor(asked);
    let message: Message;
    try {
      message = await (llm as ILlmPort).complete(request);
    } catch (error) {
      if (!isOwnDoing(error)) await fill({ error: recordedError(error) });
      throw error;
    }
    await fill({ message });
    return message;
  };

  const chunks = async function* (request: LlmRequest): AsyncGenerator<LlmChunk> {
    const { request: asked, replay } = begin('stream', request);
    if (replay !== undefined) {
      for (const text of replay.texts ?? []) {
        if (request.signal?.aborted === true) throw cancelled();
        yield { type: 'text', text };
      }
      yield { type: 'message', message: answerOf(replay) };
      return;
    }
    if (llm?.stream === undefined)
      throw new PantheonError('capability-missing', 'The model that is recorded has no stream.');
    const fill = placeFor(asked);
    const texts: string[] = [];
    let message: Message | undefined;
    let error: unknown;
    let hasFailed = false;
    try {
      for await (const chunk of llm.stream(request)) {
        if (chunk.type === 'text') texts.push(chunk.text);
        else ({ message } = chunk);
        yield chunk;
      }
    } catch (thrown) {
      error = thrown;
      hasFailed = true;
      throw thrown;
    } finally {
      // Reached also when the reader leaves.
      if (!hasFailed || !isOwnDoing(error)) {
        const joined = texts.join('');
        await fill({
          // A secret may be spread over several texts.
          texts: redaction.isNeeded(joined) ? [joined] : texts,
          ...(message !== undefined && { message }),
          ...(hasFailed && { error: recordedError(error) }),
        });
      }
    }
  };

  const answerOf = ({ message, error }: Recording): Message => {
    if (error !== undefined) {
      const { code, message: text, retryable, details, cause } = error;
      throw new PantheonError(code, text, {
        retryable,
        details,
        cause: cause === undefined ? undefined : new Error(cause),
      });
    }
    if (message !== undefined) return structuredClone(message);
    throw new PantheonError(
      'script-exhausted',
      `The cassette ${path} ends here: when it was recorded, the stream was left at this place.`,
    );
  };

  const complete = (request: LlmRequest): Promise<Message> => {
    const pending = answer(request);
    open.add(pending);
    const done = (): void => void open.delete(pending);
    pending.then(done, done);
    return pending;
  };

  const hasStream =
    llm?.stream !== undefined || (recorded ?? []).some(({ request }) => request.call === 'stream');

  return {
    complete,
    ...(hasStream && { stream: chunks }),
    unused: () => [...unused.values()].reduce((sum, { length }) => sum + length, 0),
    close: () => {
      closing ??= Promise.allSettled(open).then(() => writing);
      return closing;
    },
  };
};

const cancelled = (): PantheonError =>
  new PantheonError('tick-cancelled', 'The call of the model was cancelled.');

const isOwnDoing = (error: unknown): boolean =>
  PantheonError.is(error) && OWN_DOING.includes(error.code);

/** What of the details JSON can carry. */
const plainOf = (details: object): Readonly<Record<string, JsonValue>> => {
  try {
    return JSON.parse(JSON.stringify(details)) as Readonly<Record<string, JsonValue>>;
  } catch {
    return {};
  }
};
