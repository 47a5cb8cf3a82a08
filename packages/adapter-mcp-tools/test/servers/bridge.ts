/** The test's end of `bridge-server.ts`: a stdio server whose tools live in this process. */
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { McpServer } from '../../src/index.ts';
import type { ToolHost } from './fixture-tools.ts';
import { listen, type RunningServer, stop } from './http-servers.ts';

/** What a server is started as, instead of an address. */
export interface Bridge extends Omit<RunningServer, 'url'> {
  readonly server: McpServer;
}

export const startBridge = async (host: ToolHost): Promise<Bridge> => {
  const waiting: (() => void)[] = [];
  const answerTo = async (path: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    if (path === '/list') return host.list();
    if (path === '/changed') return new Promise<void>((resolve) => waiting.push(resolve));
    const { name, args } = body as { name: string; args: Readonly<Record<string, unknown>> };
    return host.call(name, args, signal);
  };
  const server = createServer((request, response) => {
    void (async () => {
      const gone = new AbortController();
      response.on('close', () => {
        if (!response.writableFinished) gone.abort();
      });
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const answer = await answerTo(request.url ?? '', body, gone.signal).then(
        (value) => ({ value }),
        (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
      );
      response.end(JSON.stringify(answer));
    })();
  });
  const url = await listen(server);
  const script = fileURLToPath(new URL('./bridge-server.ts', import.meta.url));
  return {
    server: { command: process.execPath, args: [script], env: { BRIDGE_URL: url } },
    changed: () => {
      for (const tell of waiting.splice(0)) tell();
    },
    close: () => stop(server),
  };
};
