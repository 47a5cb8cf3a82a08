import { expect, test } from 'vitest';
import { importSuite, runCase } from './index.ts';

const importOf = async (source: string): Promise<string> => {
  const [only] = importSuite.cases;
  if (only === undefined) throw new Error('The suite has no case.');
  const module = `data:text/javascript,${encodeURIComponent(source)}`;
  return (await runCase(only, () => ({ module }))).status;
};

test('a module that only exports passes', async () => {
  expect(await importOf('export const port = 1;')).toBe('passed');
});

test.each([
  ['starts a timer', 'setTimeout(() => {}, 10);'],
  [
    'listens',
    "import { createServer } from 'node:net'; const server = createServer().listen(0, '127.0.0.1'); setTimeout(() => server.close(), 50);",
  ],
  ['throws', "throw new Error('no server is configured');"],
])('a module that %s fails', async (_, source) => {
  expect(await importOf(source)).toBe('failed');
});
