/** Draws a real run of the demo for the README: `node apps/demo/eval/picture.ts` writes docs/demo.svg. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
const QUESTIONS = [
  'When is a tick finished after a crash?',
  'How are secrets kept out of the log? And what does the testkit prove?',
];
/** What is longer is cut, and shows that it is. */
const [ROWS, COLUMNS] = [42, 118];
const [LINE, GLYPH, MARGIN] = [18, 7.83, 20];

interface Row {
  readonly text: string;
  readonly kind: 'typed' | 'progress' | 'answer';
}

/** Types the questions one after the other, as a person would: the next one when the sources of the last are there. */
const run = async (): Promise<readonly Row[]> => {
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@promethean/source'];
  const child = spawn(process.execPath, [...flags, join(ROOT, 'apps/demo/src/main.ts')], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const rows: Row[] = [{ kind: 'typed', text: '$ npm run demo' }];
  const questions = [...QUESTIONS];
  const ask = (): void => {
    const question = questions.shift();
    if (question === undefined) return void child.stdin.end();
    rows.push({ kind: 'typed', text: question });
    child.stdin.write(`${question}\n`);
  };
  const show = (kind: Row['kind'], chunk: Buffer): void => {
    const lines = chunk.toString().replaceAll(ROOT, '~/pantheon').trimEnd().split('\n');
    rows.push(...lines.map((text) => ({ kind, text })));
  };
  child.stderr.on('data', (chunk: Buffer) => {
    show('progress', chunk);
    if (/ documents, /.test(chunk.toString())) ask();
  });
  child.stdout.on('data', (chunk: Buffer) => {
    show('answer', chunk);
    if (/^Sources:/m.test(chunk.toString())) ask();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`The demo ended with ${code}.`);
  return rows;
};

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const draw = (rows: readonly Row[]): string => {
  const shown: readonly Row[] =
    rows.length > ROWS ? [...rows.slice(0, ROWS - 1), { kind: 'progress', text: '  …' }] : rows;
  const [width, height] = [COLUMNS * GLYPH + 2 * MARGIN, shown.length * LINE + 2 * MARGIN];
  const lines = shown.map(({ kind, text }, index) => {
    const cut = text.length > COLUMNS ? `${text.slice(0, COLUMNS - 1)}…` : text;
    return `<text class="${kind}" x="${MARGIN}" y="${MARGIN + (index + 0.75) * LINE}">${escaped(cut)}</text>`;
  });
  const style =
    'text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre}' +
    '.typed{fill:#7ee787;font-weight:600}.progress{fill:#8b949e}.answer{fill:#e6edf3}';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" role="img">`,
    '<title>The demo answers two questions about its own documents</title>',
    `<style>${style}</style>`,
    '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
    ...lines,
    '</svg>\n',
  ].join('\n');
};

await writeFile(join(ROOT, 'docs/demo.svg'), draw(await run()));
