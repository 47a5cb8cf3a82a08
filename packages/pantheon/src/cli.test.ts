import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url));
/** A process that takes longer has failed; the machine may be busy. */
const DEADLINE_MS = 30_000;

const CONFIG = `
import { defineConfig, defineScript } from '@promethean/pantheon';
const script = defineScript({
  name: 'counter',
  contextSources: [],
  talents: [{
    name: 'counting',
    behaviors: [{
      name: 'count',
      mode: 'active',
      plan: ({ actor, userMessage }) => {
        if (userMessage === 'hang') return new Promise(() => {});
        if (userMessage === 'fail') throw new Error('cannot count');
        return { actions: [{ type: 'message', content: actor.goals[0] + ' \\u001b[2J' + userMessage }] };
      },
    }],
  }],
});
export default defineConfig({
  actors: [{ script, goals: ['counted'] }, { script, id: 'second', loopMs: 60_000 }],
  state: { file: 'kept/state.db' },
  journal: { file: 'kept/journal.db' },
});
`;

/** An application's folder, in which this package is installed. */
let cwd = '';
const children: ChildProcessWithoutNullStreams[] = [];
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pantheon-cli-'));
  await mkdir(join(cwd, 'node_modules/@promethean'), { recursive: true });
  await symlink(PACKAGE, join(cwd, 'node_modules/@promethean/pantheon'));
  await writeFile(join(cwd, 'package.json'), '{ "type": "module" }');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(cwd, { recursive: true });
});

/** A running command. */
interface Command {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves to the exit code, or to the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Command => {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['--conditions=@promethean/source', CLI, ...args], {
    cwd,
    env: { PATH, HOME, TMPDIR, ...env },
  });
  children.push(child);
  const written = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (written.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (written.stderr += data.toString()));
  child.stdin.on('error', () => undefined); // The command may have ended.
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')),
  );
  return { child, ended, stdout: () => written.stdout, stderr: () => written.stderr };
};

const run = async (
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }> => {
  const command = start(args, env);
  command.child.stdin.end();
  const code = await command.ended;
  return { code, stdout: command.stdout(), stderr: command.stderr() };
};

const until = (condition: () => void): Promise<void> => vi.waitFor(condition, DEADLINE_MS);

const write = (text: string, name = 'pantheon.config.ts'): Promise<void> =>
  writeFile(join(cwd, name), text);

describe('pantheon start', { timeout: 2 * DEADLINE_MS }, () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'carries lines to the first actor and answers back, until %s',
    async (signal) => {
      await write(CONFIG);
      const { child, ended, stdout, stderr } = start(['start']);
      child.stdin.write('one\n\ntwo\n');
      await until(() => expect(stdout()).toContain('two'));
      // Control characters are gone.
      expect(stdout()).toBe('counter: counted [2Jone\ncounter: counted [2Jtwo\n');
      expect(stderr()).toBe('pantheon: counter, second at work; what you type goes to counter.\n');
      child.kill(signal);
      expect(await ended).toBe(0);
    },
  );

  test('goes on without any input, and after a failed tick, which the log tells', async () => {
    await write(CONFIG);
    const { child, ended, stderr } = start(['start']);
    child.stdin.end('fail\n');
    await until(() => expect(stderr()).toContain('cannot count'));
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  test('ends within its bound although a tick hangs, and at once at a second signal', async () => {
    // Two at once: a journal belongs to one.
    await write(CONFIG.replace(/journal: .*/, ''));
    const patient = start(['start']);
    patient.child.stdin.write('hang\n');
    await until(() => expect(patient.stderr()).toContain('at work'));
    const hurried = start(['start'], { PANTHEON_STATE: 'memory', PANTHEON_LOG_LEVEL: 'debug' });
    hurried.child.stdin.write('hang\n');
    await until(() => expect(hurried.stderr()).toContain('Ticking actor: counter'));

    patient.child.kill('SIGTERM');
    hurried.child.kill('SIGINT');
    const again = setInterval(() => hurried.child.kill('SIGINT'), 100);
    expect(await hurried.ended).toBe(1);
    clearInterval(again);
    expect(await patient.ended).toBe(0);
  });

  test('finds its actors again', async () => {
    await write(CONFIG);
    const before = start(['start']);
    await until(() => expect(before.stderr()).toContain('at work'));
    before.child.kill('SIGKILL');
    expect(await before.ended).toBe('SIGKILL');

    await write(CONFIG.replace("goals: ['counted']", "goals: ['forgotten']"));
    const { child, ended, stdout } = start(['start']);
    child.stdin.write('again\n');
    await until(() => expect(stdout()).toContain('counted'));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  test('ends with 1 when something fails, and closes the ports of the config', async () => {
    await write(`
      const bus = {
        send: async (message) => message,
        subscribe: () => () => {},
        close: async () => console.log('bus closed'),
      };
      const script = { name: 'a', contextSources: [], talents: [] };
      export const config = { bus, actors: [{ script }], state: { file: '.' } };
    `);
    const { code, stdout, stderr } = await run(['start']);
    expect([code, stdout]).toEqual([1, 'bus closed\n']);
    expect(stderr).toMatch(/^pantheon: state\.file: .* is a folder; give the path of a file\.\n$/);
  });

  test('does not try for ever to make a folder where none can be made', async () => {
    await write(CONFIG.replace('kept/state.db', '/proc/pantheon/kept/state.db'));
    const { code, stderr } = await run(['start']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^pantheon: state\.file: the folder \/proc\/pantheon\/kept cannot be made: /,
    );
  });

  test('needs actors, and a config', async () => {
    expect(await run(['start'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('pantheon: There is no pantheon.config.ts in ') as string,
    });
    await write('{}', 'pantheon.config.json');
    expect(await run(['start'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'pantheon: pantheon.config.json: "actors" is missing; there is nobody to start.\n',
    });
  });
});

describe('pantheon check', { timeout: 2 * DEADLINE_MS }, () => {
  test('says what would be used, opens nothing, and shows no key', async () => {
    await write(CONFIG);
    const env = { OPENAI_API_KEY: 'sk-secret-1234', OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' };
    const { code, stdout, stderr } = await run(['check'], env);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replaceAll(realpathSync(cwd), '.')).toBe(
      [
        'pantheon.config.ts is valid. It uses:',
        '  actors    counter, second (script counter, every 60000 ms)',
        '  state     in the SQLite file ./kept/state.db',
        '  context   in memory',
        '  journal   in the SQLite file ./kept/journal.db',
        '  leases    none',
        '  tools     none',
        '  llm       gpt-4.1-mini of http://127.0.0.1:1/v1, OPENAI_API_KEY is set',
        '  bus       in memory',
        '  schedule  in this process',
        '  log       pino, warn, standard error',
        '',
      ].join('\n'),
    );
    expect(existsSync(join(cwd, 'kept'))).toBe(false);
  });

  test('tells of leases, and of the times that the config sets', async () => {
    const leases = '{ acquire: async () => undefined }';
    const options = '{ leaseTtlMs: 10_000, approvalTtlMs: 3_600_000 }';
    const journal = '{ file: "journal.db" }';
    await write(`export default { leases: ${leases}, options: ${options}, journal: ${journal} };`);
    const { code, stdout } = await run(['check']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^ {2}journal {3}in the SQLite file .*journal\.db, approvalTtlMs 3600000$/m,
    );
    expect(stdout).toMatch(/^ {2}leases {4}as the config gives it, leaseTtlMs 10000$/m);
  });

  test('says what is wrong, in one line each, without a stack', async () => {
    await write('export default { sate: 1, options: { maxRounds: "many" } };', 'other.js');
    const { code, stderr } = await run(['check', '--config', 'other.js']);
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^pantheon: other\.js: "sate" is no setting; did you mean "state"\?/),
      'pantheon: other.js: "options.maxRounds" must be a number.',
    ]);
    await write('export default { llm: { apiKey: "sk-1", maxRetries: -1 } };', 'other.js');
    const limit = await run(['check', '--config', 'other.js']);
    expect([limit.code, limit.stderr]).toEqual([
      2,
      'pantheon: llm: maxRetries: must be an integer from 0\n',
    ]);
  });

  test('tells of a variable that nothing reads', async () => {
    await write(CONFIG);
    expect(await run(['check'], { PANTHEON_MODEL: 'large' })).toMatchObject({
      code: 0,
      stderr: 'pantheon: not a variable of Pantheon: PANTHEON_MODEL\n',
    });
  });

  test('names a variable that is wrong', async () => {
    await write(CONFIG);
    expect(await run(['check'], { PANTHEON_LOG_LEVEL: 'loud' })).toMatchObject({
      code: 2,
      stderr:
        'pantheon: PANTHEON_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "loud".\n',
    });
  });
});

describe('pantheon', { timeout: 2 * DEADLINE_MS }, () => {
  test('explains itself and tells its version', async () => {
    const help = await run(['--help']);
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('pantheon start');
    expect(await run(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/) as string,
    });
  });

  test.each([
    [[], 'Give a command: pantheon start or pantheon check.'],
    [['stop'], 'There is no command "stop"; there are start and check.'],
    [['start', 'now'], 'I do not understand "now"; a config is named with --config.'],
    [['start', '--quick'], "Unknown option '--quick'. See pantheon --help."],
  ])('refuses %j', async (args, sentence) => {
    expect(await run(args)).toEqual({ code: 2, stdout: '', stderr: `pantheon: ${sentence}\n` });
  });
});
