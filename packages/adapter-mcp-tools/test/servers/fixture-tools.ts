/** Serves the tools of a test, the same way over stdio and over HTTP: what they do happens in the test's process. */
import { Server } from '@modelcontextprotocol/server';

/** A tool as the wire tells it. */
export interface WireTool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: { readonly type: 'object'; readonly [key: string]: unknown };
  readonly annotations?: { readonly destructiveHint: boolean };
}

/** Where the tools live. */
export interface ToolHost {
  readonly list: () => Promise<readonly WireTool[]>;
  /** Resolves to the value, or rejects. */
  readonly call: (
    name: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ) => Promise<unknown>;
}

interface Answer {
  content: { type: 'text'; text: string }[];
  structuredContent?: unknown;
  isError?: boolean;
}

const answerOf = (value: unknown): Answer => {
  if (value === undefined) return { content: [] };
  if (typeof value === 'string') return { content: [{ type: 'text', text: value }] };
  return { content: [], structuredContent: value };
};

/** A server of the protocol over the tools of a host. */
export const makeFixtureServer = (host: ToolHost): Server => {
  const server = new Server(
    { name: 'fixture', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true } } },
  );
  server.setRequestHandler('tools/list', async () => ({ tools: [...(await host.list())] }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    try {
      const { signal } = context.mcpReq;
      return answerOf(await host.call(params.name, params.arguments ?? {}, signal)) as never;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { content: [{ type: 'text', text }], isError: true };
    }
  });
  return server;
};
