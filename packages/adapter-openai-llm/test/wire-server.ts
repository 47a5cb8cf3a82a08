import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as it arrived. */
interface ReceivedRequest {
  /** The path with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The body, loosely typed: tests look into it. */
  readonly body: {
    readonly model: string;
    readonly stream?: boolean;
    readonly messages: readonly Readonly<Record<string, unknown>>[];
    readonly tools?: readonly { readonly function: { readonly name: string } }[];
    readonly [key: string]: unknown;
  };
  /** Whether the client closed the connection before the answer was complete. */
  readonly isAborted: () => boolean;
}

/** What the server does with one request. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => unknown;

/** A server whose every byte the test decides. */
export interface WireServer {
  /** With `/v1`. */
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  readonly sockets: () => number;
  /** The answers to the next requests, in their order; the last one stays. */
  readonly answer: (...answers: readonly Answer[]) => void;
  readonly close: () => Promise<void>;
}

/** Listens on 127.0.0.1 and a free port. */
export const startWireServer = async (): Promise<WireServer> => {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  let answers: readonly Answer[] = [status(500)];
  const server = createServer((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8');
    incoming.on('data', (part: string) => (text += part));
    incoming.on('end', () => {
      let aborted = false;
      response.on('close', () => (aborted = !response.writableFinished));
      const body = JSON.parse(text) as ReceivedRequest['body'];
      const { url = '', headers } = incoming;
      const request = { url, headers, body, isAborted: () => aborted };
      requests.push(request);
      const [answer] = answers;
      if (answers.length > 1) answers = answers.slice(1);
      answer?.(response, request);
    });
    incoming.on('error', () => undefined);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    sockets: () => sockets.size,
    answer: (...next) => (answers = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const USAGE = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

/** A completion with this message, whatever it is. */
export const completion = (
  message: unknown,
  finish: unknown = 'stop',
): Readonly<Record<string, unknown>> => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  choices: [{ index: 0, message, finish_reason: finish }],
  usage: USAGE,
});

/** A message with these tool calls; `args` is the text of the arguments. */
export const calling = (
  ...calls: readonly { id?: unknown; name?: unknown; args?: unknown }[]
): unknown => ({
  role: 'assistant',
  content: null,
  tool_calls: calls.map(({ id, name, args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  })),
});

/** Answers with this value as JSON. */
export const json =
  (value: unknown): Answer =>
  (response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(value));
  };

/** Answers with a text. */
export const text = (content: string): Answer => json(completion({ role: 'assistant', content }));

/** Refuses. */
export const status =
  (
    code: number,
    headers: Readonly<Record<string, string>> = {},
    error: unknown = { message: 'no' },
  ): Answer =>
  (response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error }));
  };

/** Sends these lines and ends, or `leave`s the stream open, or `cut`s the connection. */
export const lines =
  (parts: readonly string[], then: 'end' | 'leave' | 'cut' = 'end'): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    for (const part of parts) response.write(part);
    if (then === 'end') response.end();
    // After what was written has left.
    if (then === 'cut') response.write(': end\n\n', () => response.destroy());
  };

/** A chunk of a stream with this delta. */
export const delta = (change: unknown, finish: unknown = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: change, finish_reason: finish }], usage: null })}\n\n`;

/** What ends a stream that is whole. */
export const END = [
  delta({}, 'stop'),
  `data: ${JSON.stringify({ choices: [], usage: USAGE })}\n\n`,
  'data: [DONE]\n\n',
] as const;

/** A page, as proxies and gateways send them. */
export const html: Answer = (response) => response.end('<html>Sign in</html>');

/** Never answers. */
export const hang: Answer = () => undefined;

/** Waits for a condition, five seconds at most. */
export const until = async (condition: () => boolean, what = String(condition)): Promise<void> => {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`This did not come true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};
