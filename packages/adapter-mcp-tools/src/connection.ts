import {
  Client,
  type Transport,
  type Tool,
  UnsupportedProtocolVersionError,
} from '@modelcontextprotocol/client';
import { errorMessage, type PantheonError } from '@promethean/pantheon-core';
import { type HttpServer, makeHttpTransport } from './http-transport.ts';
import { makeStdioTransport, type StdioServer } from './stdio-transport.ts';

/** A server as the configuration names it. */
export type McpServer = StdioServer | HttpServer;

export const isHttp = (server: McpServer): server is HttpServer => 'url' in server;

/** What happens to a connection without our doing. */
interface ConnectionEvents {
  /** Once, whoever ended it. */
  readonly onClosed: () => void;
  readonly onListChanged: () => void;
}

/** A connection to one server. It is never shared by two ports. */
export interface Connection {
  readonly client: Client;
  readonly listTools: (signal: AbortSignal) => Promise<readonly Tool[]>;
  /** Whether the server keeps a session for us, so that a 404 means that it forgot it. */
  readonly hasSession: () => boolean;
  readonly violation: () => PantheonError | undefined;
  /** What is known of a process that ended. */
  readonly ended: () => string | undefined;
  readonly close: () => Promise<void>;
}

/** The SDK's own limit; ours is the signal. */
export const NO_TIMEOUT = 2_147_483_647;
/** How long a server is waited for when it is told that a session ends. */
const GOODBYE_MS = 1_000;

const abortOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });

/** Why a connection could not be made, and what is known of the process. */
class ConnectFailure extends Error {
  constructor(cause: unknown, ended: string | undefined) {
    super([errorMessage(cause), ended].filter((part) => part !== undefined).join('; '), { cause });
  }
}

interface Link {
  readonly transport: Transport;
  readonly violation: () => PantheonError | undefined;
  readonly ended: () => string | undefined;
  readonly hasSession: () => boolean;
  readonly goodbye: () => Promise<void>;
}

const linkTo = (server: McpServer, maxMessageBytes: number): Link => {
  if (!isHttp(server)) {
    const transport = makeStdioTransport(server, maxMessageBytes);
    const ended = (): string | undefined => {
      const { stderr } = transport;
      const reasons = [
        transport.ended(),
        stderr === '' ? undefined : `stderr: ${stderr.replaceAll(/\s+/g, ' ').slice(-1_000)}`,
      ];
      return reasons.filter((reason) => reason !== undefined).join('; ') || undefined;
    };
    return {
      transport,
      violation: transport.violation,
      ended,
      hasSession: () => false,
      goodbye: async () => undefined,
    };
  }
  const { transport, violation } = makeHttpTransport(server, maxMessageBytes);
  return {
    transport,
    violation,
    ended: () => undefined,
    hasSession: () => transport.sessionId !== undefined,
    goodbye: async () => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, GOODBYE_MS);
      });
      // A server that cannot be told any more forgets the session by itself.
      await Promise.race([transport.terminateSession().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
};

/** What is needed to connect. */
export interface ConnectionRequest {
  readonly server: McpServer;
  readonly maxMessageBytes: number;
  readonly events: ConnectionEvents;
  /** Its abort ends the attempt; its reason is what the attempt fails with. */
  readonly signal: AbortSignal;
}

const connect = async (
  { server, maxMessageBytes, events, signal }: ConnectionRequest,
  mode: 'legacy' | 'auto',
): Promise<Connection> => {
  const link = linkTo(server, maxMessageBytes);
  const client = new Client(
    { name: 'pantheon', version: '0.0.0' },
    {
      capabilities: {},
      versionNegotiation: { mode },
      inputRequired: { autoFulfill: false },
      listChanged: {
        tools: { autoRefresh: false, debounceMs: 0, onChanged: () => events.onListChanged() },
      },
    },
  );
  let open = true;
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- The client is no event target.
  client.onclose = () => {
    if (open) events.onClosed();
    open = false;
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      if (open) await link.goodbye();
      await client.close();
      // After a handshake that failed the client knows no transport any more.
      await link.transport.close();
    })();
    return closing;
  };
  try {
    // Not every phase of the SDK's handshake listens to the signal.
    const greeting = client.connect(link.transport, { timeout: NO_TIMEOUT, signal });
    await Promise.race([greeting, abortOf(signal)]);
  } catch (error) {
    await close();
    throw link.violation() ?? new ConnectFailure(error, link.ended());
  }
  void client.autoOpenedSubscription?.closed.then((why) => {
    // Changes may have been missed.
    if (why !== 'local' && open) events.onListChanged();
  });
  return {
    client,
    listTools: async (listSignal) => {
      if (client.getServerCapabilities()?.tools === undefined) return [];
      const options = { cacheMode: 'bypass', timeout: NO_TIMEOUT, signal: listSignal } as const;
      return (await client.listTools(undefined, options)).tools;
    },
    hasSession: link.hasSession,
    violation: link.violation,
    ended: link.ended,
    close,
  };
};

/**
 * Connects to a server. HTTP servers are asked for the newest protocol first. A process is greeted with the older handshake, which
 * both kinds understand, because some older ones end at anything else; one that refuses it is started again for the newer.
 */
export const openConnection = async (request: ConnectionRequest): Promise<Connection> => {
  if (isHttp(request.server)) return connect(request, 'auto');
  try {
    return await connect(request, 'legacy');
  } catch (error) {
    const cause: unknown = error instanceof ConnectFailure ? error.cause : undefined;
    if (!UnsupportedProtocolVersionError.isInstance(cause)) throw error;
    return connect(request, 'auto');
  }
};
