/** A stdio server whose tools live in the test's process, which it reaches over HTTP at `BRIDGE_URL`. */
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { makeFixtureServer, type WireTool } from './fixture-tools.ts';

const url = process.env['BRIDGE_URL'] ?? '';

const post = async (path: string, body: unknown, signal?: AbortSignal): Promise<unknown> => {
  const response = await fetch(`${url}/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...(signal !== undefined && { signal }),
  });
  const { value, error } = (await response.json()) as { value?: unknown; error?: string };
  if (error !== undefined) throw new Error(error);
  return value;
};

serveStdio(
  () => {
    const server = makeFixtureServer({
      list: async () => (await post('list', {})) as readonly WireTool[],
      call: (name, args, signal) => post('call', { name, args }, signal),
    });
    const watch = async (): Promise<void> => {
      for (;;) {
        // Answers when the list has changed.
        await post('changed', {});
        await server.sendToolListChanged();
      }
    };
    watch().catch(() => undefined); // The test is over.
    return server;
  },
  { legacy: 'reject' },
); // Only the newest revision can carry results that are no objects.
