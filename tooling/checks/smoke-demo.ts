/** Starts the demo as a user does, `npm run demo`, and checks what it prints and how it ends. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DemoLine, readDemoLine } from './demo-line.ts';
import { root } from './package-folder.ts';

const DEADLINE_MS = 120_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the demo from a folder, without a model and with no input. */
const demo = (cwd: string, ...args: readonly string[]): Promise<Ended> => {
  const { OPENAI_API_KEY: _key, OPENAI_BASE_URL: _url, INIT_CWD: _cwd, ...env } = process.env;
  const line = ['--prefix', root, 'run', '--silent', 'demo', '--', ...args];
  const child = spawn('npm', line, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
};

const must = (holds: boolean, what: string, seen: Ended | readonly DemoLine[]): void => {
  if (holds) return;
  const text =
    'code' in seen
      ? `exit code ${seen.code}\n${seen.stdout}\n${seen.stderr}`
      : JSON.stringify(seen, null, 2);
  throw new Error(`${what}. Seen instead: ${text}`);
};

const answers = async (cwd: string, ...args: readonly string[]): Promise<readonly DemoLine[]> => {
  const ended = await demo(cwd, '--json', ...args);
  must(ended.code === 0, 'The demo must end with 0', ended);
  must(ended.stdout.endsWith('\n'), 'Standard output must end with a line end', ended);
  try {
    return ended.stdout.trimEnd().split('\n').map(readDemoLine);
  } catch (error) {
    throw new Error(`A line is not right: ${String(error)}\n${ended.stdout}`, { cause: error });
  }
};

const fails = async (cwd: string, name: string, ...args: readonly string[]): Promise<void> => {
  const ended = await demo(cwd, '--json', ...args);
  must(
    ended.code !== 0 && ended.code !== null,
    'The demo must end with an exit code other than 0',
    ended,
  );
  must(ended.stdout === '', 'Nothing must be on standard output', ended);
  must(ended.stderr.trim().split('\n').length === 1, 'One line must be on standard error', ended);
  must(ended.stderr.includes(name), `It must name "${name}"`, ended);
};

const work = mkdtempSync(join(tmpdir(), 'pantheon-demo-'));
const notes = join(work, 'my notes');
mkdirSync(notes);
writeFileSync(
  join(notes, 'kettle.md'),
  '# Kettle\n\n## Boiling\n\nThe kettle boils a litre of water in three minutes.\n',
);
writeFileSync(
  join(notes, 'garden.md'),
  '# Garden\n\n## Watering\n\nThe roses are watered on Mondays.\n',
);

const steps: Readonly<Record<string, () => Promise<void>>> = {
  'answers about docs': async () => {
    const lines = await answers(root, '--docs', 'docs', '--ask', 'How are the packages laid out?');
    must(lines.length === 1, 'One question must give one line', lines);
  },
  'answers each question, from a folder beside the user': async () => {
    const ask = [
      '--ask',
      'How long does the kettle take to boil?',
      '--ask',
      'When are the roses watered?',
    ];
    const lines = await answers(work, '--docs', './my notes', ...ask);
    must(lines.length === 2, 'Two questions must give two lines', lines);
    const files = lines.map((line) => line.sources[0]?.file ?? '');
    must(
      files[0]!.endsWith('kettle.md') && files[1]!.endsWith('garden.md'),
      'The right file must be the source',
      lines,
    );
    must(
      /three minutes/.test(lines[0]!.answer) && /Mondays/.test(lines[1]!.answer),
      'The answers must be right',
      lines,
    );
  },
  'refuses a folder that does not exist': () =>
    fails(work, 'no such folder', '--docs', './no such folder', '--ask', 'Why?'),
};

try {
  for (const [name, step] of Object.entries(steps)) {
    const start = performance.now();
    await step();
    console.log(`ok  demo ${name} (${Math.round(performance.now() - start)} ms)`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
