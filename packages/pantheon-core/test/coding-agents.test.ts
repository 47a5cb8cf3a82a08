import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

test('the test in docs/coding-agents.md passes', { timeout: 60_000 }, async () => {
  const page = readFileSync(join(ROOT, 'docs/coding-agents.md'), 'utf8');
  const [, code = ''] = /^```ts\n(.*?)^```/ms.exec(page) ?? [];
  const args = [
    '--conditions=@promethean/source',
    '--input-type=module-typescript',
    '--eval',
    code,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: ROOT,
    timeout: 50_000,
    // Node's runner takes itself for a worker of another one where this is set.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  expect(stdout).toMatch(/^(?:# |ℹ )pass 1$/m);
});
