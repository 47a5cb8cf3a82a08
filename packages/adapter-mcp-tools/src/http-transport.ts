import {
  type FetchLike,
  type JSONRPCMessage,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { PantheonError } from '@promethean/pantheon-core';

/** A server that is reached over streamable HTTP. */
export interface HttpServer {
  /** `https:` or `http:`; credentials belong into `headers`. */
  readonly url: string;
  /** Sent with every request to this origin, and to no other. Values are kept out of messages. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The transport, and the limit that the server exceeded since it was asked last. */
export interface HttpTransport {
  readonly transport: StreamableHTTPClientTransport;
  readonly violation: () => PantheonError | undefined;
}

/** The code of an answer that we make up when a stream ends without one; outside of the ranges that the protocol uses. */
export const STREAM_BROKEN = -31_900;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Counts the bytes of a body, or of one event where it is a stream of events. */
const makeCounter = (perEvent: boolean): ((chunk: Uint8Array) => number) => {
  let count = 0;
  let lineIsEmpty = true;
  return (chunk) => {
    if (!perEvent) return (count += chunk.length);
    let most = 0;
    for (const byte of chunk) {
      count += 1;
      if (byte === LINE_FEED) {
        if (lineIsEmpty) {
          most = Math.max(most, count);
          count = 0;
        }
        lineIsEmpty = true;
      } else if (byte !== CARRIAGE_RETURN) lineIsEmpty = false;
    }
    return Math.max(most, count);
  };
};

/** `fetch` whose bodies (or single events) have at most `maxBytes`; the SDK would collect them without a limit. */
const makeBoundedFetch =
  (maxBytes: number, exceeded: () => PantheonError): FetchLike =>
  async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) return response;
    const type = response.headers.get('content-type') ?? '';
    const count = makeCounter(type.includes('text/event-stream'));
    const limited = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          if (count(chunk) > maxBytes) controller.error(exceeded());
          else controller.enqueue(chunk);
        },
      }),
    );
    const { status, statusText, headers } = response;
    return new Response(limited, { status, statusText, headers });
  };

const idOf = (message: JSONRPCMessage | JSONRPCMessage[]): string | number | undefined =>
  !Array.isArray(message) && 'method' in message && 'id' in message ? message.id : undefined;

/**
 * The SDK's HTTP transport with bounded bodies. A stream that ends before its answer is told at once, as an error answer with the
 * code `STREAM_BROKEN`, where the SDK would leave the request waiting for its timeout. Redirects to another origin are not followed.
 */
export const makeHttpTransport = (server: HttpServer, maxMessageBytes: number): HttpTransport => {
  let violation: PantheonError | undefined;
  const exceeded = (): PantheonError => {
    violation = new PantheonError(
      'tool-result-too-large',
      `sent a message of more than ${maxMessageBytes} bytes, which was not read further`,
      { details: { maxMessageBytes } },
    );
    return violation;
  };
  const transport = new StreamableHTTPClientTransport(new URL(server.url), {
    fetch: makeBoundedFetch(maxMessageBytes, exceeded),
    redirectPolicy: 'same-origin',
    ...(server.headers !== undefined && { requestInit: { headers: { ...server.headers } } }),
  });
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    const id = idOf(message);
    if (id === undefined) return send(message, options);
    const onRequestStreamEnd = (): void => {
      options?.onRequestStreamEnd?.();
      // When the answer has come, nobody waits for this id any more.
      transport.onmessage?.({
        jsonrpc: '2.0',
        id,
        error: { code: STREAM_BROKEN, message: 'the stream ended without an answer' },
      });
    };
    return send(message, { ...options, onRequestStreamEnd });
  };
  return {
    transport,
    violation: () => {
      const last = violation;
      violation = undefined;
      return last;
    },
  };
};
