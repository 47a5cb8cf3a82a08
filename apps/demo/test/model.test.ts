/** The desk with a model: a process of its own, a real HTTP server in the model's place. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../src/main.ts');
const NODE = ['--conditions=@promethean/source', '--disable-warning=ExperimentalWarning'];
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

const demo = (env: Readonly<Record<string, string>>, ...args: readonly string[]) =>
  new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [...NODE, MAIN, '--docs', notes, ...args], {
      env: { PATH: process.env['PATH'], OPENAI_API_KEY: KEY, LOG_LEVEL: 'debug', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });

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
    expect(stderr).toContain('I could not answer that:');
    expect(stderr).not.toContain(KEY);
    expect(code).toBe(1);
  });
});
