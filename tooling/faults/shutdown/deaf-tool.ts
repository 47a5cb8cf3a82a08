/** A tool that never answers, for the demo: an MCP server that is deaf, and a model that asks for its tool. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The text of an MCP server over standard input and output. It writes its process id to the file of its argument when it is called, and listens to no signal. */
export const DEAF_SERVER = `
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
const tool = { name: 'hang', description: 'Hangs.', inputSchema: { type: 'object', properties: {} } };
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize')
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'deaf', version: '1' },
    });
  else if (method === 'tools/list') answer(id, { tools: [tool] });
  else if (method === 'tools/call') appendFileSync(process.argv[2], process.pid + '\\n');
  else if (id !== undefined) answer(id, {});
});
setInterval(() => {}, 1_000_000);
`;

/** A server of the OpenAI protocol whose model always asks for the tool "hang". */
export const startObedientModel = async (): Promise<{
  readonly url: string;
  readonly close: () => Promise<void>;
}> => {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      if (request.method === 'GET') return response.end('{"object":"list","data":[]}');
      const { tools = [] } = JSON.parse(body) as {
        readonly tools?: readonly { readonly function: { readonly name: string } }[];
      };
      const name = tools.map((tool) => tool.function.name).find((one) => one.endsWith('hang'));
      const call = { id: 'c1', type: 'function', function: { name, arguments: '{}' } };
      const message = { role: 'assistant', content: null, tool_calls: [call] };
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      const choices = [{ index: 0, finish_reason: 'tool_calls', message }];
      return response.end(
        JSON.stringify({
          id: 'r1',
          object: 'chat.completion',
          created: 1,
          model: 'm',
          choices,
          usage,
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
