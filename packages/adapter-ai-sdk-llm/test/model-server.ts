import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** The body of a chat completion's request, loosely typed: tests look into it. */
interface Asked {
  readonly stream?: boolean;
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
  readonly [key: string]: unknown;
}

/** What the server does with a request. */
export type Reply = (response: ServerResponse, asked: Asked) => unknown;

/** Chat completions over HTTP, as @ai-sdk/openai-compatible speaks it; the test decides every answer. */
export interface ModelServer {
  readonly baseURL: string;
  readonly asked: readonly Asked[];
  /** Requests whose connection the client closed before they were answered. */
  readonly abandoned: () => number;
  readonly sockets: () => number;
  /** The replies to the next requests; the last one stays. */
  readonly reply: (...replies: readonly Reply[]) => void;
  readonly close: () => Promise<void>;
}

export const startModelServer = async (): Promise<ModelServer> => {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let replies: readonly Reply[] = [];
  let abandoned = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray()).toString();
    asked.push(JSON.parse(body) as Asked);
    response.on('close', () => (abandoned += response.writableFinished ? 0 : 1));
    const [reply, ...later] = replies;
    if (later.length > 0) replies = later;
    reply?.(response, asked.at(-1) as Asked);
  };
  const server = createServer((request, response) => void handle(request, response));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    abandoned: () => abandoned,
    sockets: () => sockets.size,
    reply: (...next) => (replies = next),
    close: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
};

/** A model's message in the wire's words, with why it ended and what it cost. */
export interface Said {
  readonly content?: string | null;
  readonly calls?: readonly {
    readonly id?: string;
    readonly name: string;
    readonly args: unknown;
  }[];
  readonly finish?: string | null;
  readonly usage?: readonly [input: number, output: number];
  readonly refusal?: string;
}

const toolCalls = (calls: Said['calls'] = []) =>
  calls.map(({ id, name, args }, index) => ({
    index,
    id: id ?? `call_${index}`,
    type: 'function',
    function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
  }));

/** Says it whole, or in two pieces where a stream was asked for. */
export const say = (said: Said): Reply => {
  const { content = null, calls = [], usage, refusal } = said;
  const { finish = calls.length > 0 ? 'tool_calls' : 'stop' } = said;
  const cost = usage && {
    prompt_tokens: usage[0],
    completion_tokens: usage[1],
    total_tokens: usage[0] + usage[1],
  };
  const rest = {
    ...(calls.length > 0 && { tool_calls: toolCalls(calls) }),
    ...(refusal !== undefined && { refusal }),
  };
  return (response, { stream }) => {
    if (stream !== true) {
      const message = { role: 'assistant', content, ...rest };
      json({ choices: [{ index: 0, message, finish_reason: finish }], usage: cost })(response);
      return;
    }
    const half = Math.ceil((content?.length ?? 0) / 2);
    const pieces = content === null ? [] : [content.slice(0, half), content.slice(half)];
    begin(response);
    for (const piece of pieces) response.write(delta({ content: piece }));
    response.write(delta(rest));
    response.write(delta({}, finish));
    if (cost !== undefined)
      response.write(`data: ${JSON.stringify({ choices: [], usage: cost })}\n\n`);
    response.end('data: [DONE]\n\n');
  };
};

export const begin = (response: ServerResponse): void =>
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();

/** A chunk of a stream. */
export const delta = (change: unknown, finish: unknown = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: change, finish_reason: finish }] })}\n\n`;

export const json =
  (value: unknown) =>
  (response: ServerResponse): unknown =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value));

/** Refuses with a status, and with what the vendor would explain. */
export const refuse =
  (
    status: number,
    headers: Readonly<Record<string, string>> = {},
    error: unknown = { message: 'no' },
  ): Reply =>
  (response) =>
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ error }));

/** Says nothing at all. */
export const silence: Reply = () => undefined;

/** Begins an answer, streamed or not, and does not go on. */
export const stall: Reply = (response, { stream }) => {
  if (stream !== true) return response.writeHead(200).write('{"choices":[');
  begin(response);
  return response.write(delta({ content: 'to be' }));
};

/** Waits for a condition, ten seconds at most. */
export const until = async (condition: () => boolean, what = String(condition)): Promise<void> => {
  for (const start = performance.now(); !condition();) {
    if (performance.now() - start > 10_000) throw new Error(`It did not come true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};
