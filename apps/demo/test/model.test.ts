/** The desk with a model: a process of its own, a real HTTP server in the model's place. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runDemo } from './run-demo.ts';
import type { Ended } from './run-demo.ts';

const KEY = 'sk-planted-0123456789';
const QUESTION = 'How do I rotate the keys?';

let mock: LLMock;
let notes = '';
beforeAll(async () => {
  mock = await LLMock.create({ port: 0, host: '127.0.0.1', logLevel: 'silent' });
  notes = await mkdtemp(join(tmpdir(), 'pantheon-notes-'));
  await writeFile(join(notes, 'keys.md'), '# Keys\n\nRotate them with `keyctl rotate`.\n');
  await writeFile(join(notes, 'tea.md'), '# Tea\n\nFour minutes.\n');
});
afterAll(async () => {
  await mock.stop();
  await rm(notes, { recursive: true });
});

const demo = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> =>
  runDemo({ OPENAI_API_KEY: KEY, LOG_LEVEL: 'debug', ...env }, '--docs', notes, ...args);

describe('the desk with a model', () => {
  test('the model asks for a search, answers, and the answer names its sources', async () => {
    mock.on(
      { userMessage: QUESTION, hasToolResult: false },
      {
        toolCalls: [
          { name: 'search_documents', arguments: JSON.stringify({ query: 'rotate keys' }) },
        ],
      },
    );
    mock.on(
      { userMessage: QUESTION, hasToolResult: true },
      { content: 'With keyctl rotate (keys.md:3).' },
    );
    const { code, stdout, stderr } = await demo(
      { OPENAI_BASE_URL: `${mock.url}/v1`, OPENAI_MODEL: 'gpt-4o' },
      '--json',
      '--ask',
      QUESTION,
    );
    expect(JSON.parse(stdout)).toMatchObject({
      answer: 'With keyctl rotate (keys.md:3).',
      sources: [{ file: 'keys.md', line: 3, heading: 'Keys' }],
    });
    expect(code).toBe(0);
    expect(stderr).not.toContain(KEY);
  });

  test('a model that cannot be reached is said in one line, and ends with a code other than 0', async () => {
    // Port 9 discards: nothing listens there.
    const { code, stdout, stderr } = await demo(
      { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', LOG_LEVEL: 'silent' },
      '--json',
      '--ask',
      QUESTION,
    );
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain(
      "The model's server http://127.0.0.1:9/v1 cannot be reached; start it",
    );
    expect(stderr).not.toContain(KEY);
    expect(code).toBe(1);
  });

  test('the tools of an MCP server are there for the model', async () => {
    const question = 'What does the echo say?';
    mock.on(
      { userMessage: question, hasToolResult: false },
      { toolCalls: [{ name: 'mcp__echo', arguments: JSON.stringify({ message: 'from afar' }) }] },
    );
    mock.on({ userMessage: question, hasToolResult: true }, { content: 'It says: from afar.' });
    const server = fileURLToPath(
      import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'),
    );
    const { code, stdout, stderr } = await demo(
      { OPENAI_BASE_URL: `${mock.url}/v1`, LOG_LEVEL: 'silent' },
      '--mcp',
      `"${process.execPath}" "${server}"`,
      '--ask',
      question,
    );
    expect(stdout).toContain('It says: from afar.');
    expect(stderr).toContain('tools of MCP servers are there for the model');
    expect(stderr).toContain('concierge uses mcp__echo {"message":"from afar"}');
    expect(code).toBe(0);
  });

  test('a key that is refused is said before anything starts', async () => {
    const server = createServer((_request, response) => response.writeHead(401).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stdout, stderr } = await demo(
      { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, LOG_LEVEL: 'silent' },
      '--ask',
      QUESTION,
    );
    server.close();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      `The model's server http://127.0.0.1:${port}/v1 refuses the key; correct OPENAI_API_KEY, or use --model offline.\n`,
    );
  });
});
