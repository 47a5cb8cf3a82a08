/** Does what a guide says: runs its commands and writes its files, in their order, and compares what is printed. */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { applyDiff, type GuideBlock, missingFrom } from './guide-blocks.ts';

const TIMEOUT_MS = 180_000;

interface Ran {
  readonly code: number | null;
  /** Both streams, as a terminal shows them. */
  readonly output: string;
}

const runShell = (script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> =>
  new Promise((resolve) => {
    // A group of its own, so that what a command started ends with it.
    const child = spawn('sh', ['-ec', script], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let output = '';
    const note = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    process.once('exit', end);
    const timer = setTimeout(() => {
      output += `\nIt was not done after ${TIMEOUT_MS / 1_000} s.`;
      end();
    }, TIMEOUT_MS);
    child.once('close', (code) => {
      clearTimeout(timer);
      process.removeListener('exit', end);
      resolve({ code, output });
    });
  });

/** Whether a value has everything that another has. */
const includes = (whole: unknown, part: unknown): boolean =>
  typeof part === 'object' && part !== null
    ? Object.entries(part).every(([key, value]) =>
        includes((whole as Record<string, unknown> | undefined)?.[key], value),
      )
    : whole === part;

/** The JSON of a file. */
export const readJson = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(file, 'utf8')) as unknown;

/**
 * Does what the blocks of a guide say, from an empty folder on, and tells `log` of every command. Resolves to the folder that the
 * last command ended in; rejects where the guide is wrong, with the line and the last output.
 */
export const followGuide = async (
  blocks: readonly GuideBlock[],
  folder: string,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<string> => {
  let cwd = folder;
  let last: Ran = { code: 0, output: '' };
  const ends = join(folder, '.cwd');
  const fail = (line: number, problem: string): never => {
    throw new Error(`Line ${line} of the guide: ${problem}\n${last.output.slice(-8_000)}`);
  };
  for (const block of blocks) {
    const { line } = block;
    switch (block.kind) {
      case 'run': {
        const start = performance.now();
        // A `cd` of one block holds for those after it.
        last = await runShell(`${block.script}pwd > "$GUIDE_FOLDER"\n`, cwd, {
          ...env,
          GUIDE_FOLDER: ends,
        });
        const commands = block.script.trim().replaceAll('\n', '; ');
        if (last.code !== 0 && !block.mayFail) fail(line, `"${commands}" ended with ${last.code}.`);
        if (last.code !== 1 && block.mayFail)
          fail(
            line,
            `"${commands}" ended with ${last.code}; the guide says that it fails, with 1.`,
          );
        if (last.code === 0) cwd = (await readFile(ends, 'utf8')).trim();
        const seconds = ((performance.now() - start) / 1_000).toFixed(1);
        log(`line ${line}: ${commands}${block.mayFail ? ', which fails' : ''} (${seconds} s)`);
        break;
      }
      case 'expect': {
        const missing = missingFrom(last.output, block.text);
        if (missing !== undefined) fail(line, `this is not printed: ${missing}`);
        break;
      }
      case 'write': {
        const file = join(cwd, block.file);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, block.text);
        break;
      }
      case 'patch': {
        const file = join(cwd, block.file);
        try {
          await writeFile(file, applyDiff(await readFile(file, 'utf8'), block.text));
        } catch (error) {
          fail(line, `${block.file} cannot be changed. ${(error as Error).message}`);
        }
        break;
      }
      case 'manifest':
        if (!includes(await readJson(join(cwd, 'package.json')), JSON.parse(`{${block.text}}`)))
          fail(line, 'this is not in package.json.');
        break;
      default:
        block satisfies never;
    }
  }
  return cwd;
};
