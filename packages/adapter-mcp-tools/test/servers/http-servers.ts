/** Real HTTP servers of the protocol on a free port of loopback. */
import {
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeFixtureServer, type ToolHost } from './fixture-tools.ts';

/** Sees a request first; `true` when it answered. `method` is that of the protocol. */
export type Interceptor = (
  request: IncomingMessage,
  response: ServerResponse,
  method: string | undefined,
) => boolean;

/** A running server. */
export interface RunningServer {
  readonly url: string;
  /** Tells clients that the list of tools has changed. */
  readonly changed: () => void;
  readonly close: () => Promise<void>;
}

/** A server that keeps sessions. */
export interface SessionServer extends RunningServer {
  readonly sessions: () => number;
  readonly opened: () => number;
  /** Answers every session that there is with 404 from now on. */
  readonly forget: () => Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
};

export const listen = async (server: Server, port = 0): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

export const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const never: Interceptor = () => false;

const methodOf = (body: unknown): string | undefined =>
  (body as { method?: string } | undefined)?.method;

/** A server of the revision 2026-07-28: no sessions. */
export const startModernServer = async (
  host: ToolHost,
  intercept: Interceptor = never,
  port = 0,
): Promise<RunningServer> => {
  const handler = createMcpHandler(() => makeFixtureServer(host), { legacy: 'reject' });
  const handle = toNodeHandler(handler);
  const server = createServer((request, response) => {
    void (async () => {
      const body = await bodyOf(request);
      if (!intercept(request, response, methodOf(body)))
        await handle(request as NodeIncomingMessageLike, response, body);
    })();
  });
  const url = await listen(server, port);
  return {
    url: `${url}/mcp`,
    changed: () => handler.notify.toolsChanged(),
    close: async () => {
      await handler.close();
      await stop(server);
    },
  };
};

/** A server of the revisions before, with sessions. */
export const startSessionServer = async (
  host: ToolHost,
  intercept: Interceptor = never,
): Promise<SessionServer> => {
  interface Session {
    readonly transport: NodeStreamableHTTPServerTransport;
    readonly server: ReturnType<typeof makeFixtureServer>;
  }
  const sessions = new Map<string, Session>();
  let opened = 0;

  const open = async (): Promise<NodeStreamableHTTPServerTransport> => {
    const server = makeFixtureServer(host);
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        opened += 1;
        sessions.set(id, { transport, server });
      },
      onsessionclosed: (id) => {
        sessions.delete(id);
      },
    });
    await server.connect(transport);
    return transport;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const method = methodOf(body);
    if (intercept(request, response, method)) return;
    const id = request.headers['mcp-session-id'];
    const session = typeof id === 'string' ? sessions.get(id) : undefined;
    if (session === undefined && method !== 'initialize') {
      response.writeHead(id === undefined ? 400 : 404).end();
      return;
    }
    await (session?.transport ?? (await open())).handleRequest(request, response, body);
  };

  const server = createServer((request, response) => void answer(request, response));
  const url = await listen(server);
  const forget = async (): Promise<void> => {
    const forgotten = [...sessions.values()];
    sessions.clear();
    await Promise.all(forgotten.map(({ transport }) => transport.close()));
  };
  return {
    url: `${url}/mcp`,
    changed: () => {
      for (const session of sessions.values()) void session.server.sendToolListChanged();
    },
    sessions: () => sessions.size,
    opened: () => opened,
    forget,
    close: async () => {
      await forget();
      await stop(server);
    },
  };
};
