/** Group J: what people start is stopped, in every way and at every moment. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRedisBus } from '@promethean/adapter-redis-bus';
import { startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { makeManualTimers } from '@promethean/pantheon-core/memory';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { actorOf, behavior, makeDesk } from './desk.ts';
import {
  CLI,
  DEMO,
  type Ending,
  type Program,
  makeApplication,
  spread,
  startProgram,
  until,
} from './shutdown/program.ts';
import { DEAF_SERVER, startObedientModel } from './shutdown/deaf-tool.ts';
import { WORKER_CONFIG } from './shutdown/worker-config.ts';

const TEST_MS = IS_FULL ? 1_800_000 : 180_000;
/** What the programs promise (run-until-signal.ts, apps/demo/src/main.ts), and what is granted on top. */
const DEADLINES = { cli: 8_000, demo: 6_000 } as const;
const GRACE_MS = 500;

const rounds = (short: number, full: number): readonly number[] =>
  Array.from({ length: IS_FULL ? full : short }, (_, n) => n);

const started: Program[] = [];
const folders: string[] = [];
afterEach(() => {
  for (const { child } of started.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const keep = (program: Program): Program => {
  started.push(program);
  return program;
};
const application = (): string => {
  const folder = makeApplication(WORKER_CONFIG);
  folders.push(folder);
  return folder;
};
const startCli = (cwd: string, env: NodeJS.ProcessEnv = {}): Program =>
  keep(startProgram(CLI, ['start'], { cwd, env }));

const notes = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'pantheon-shutdown-'));
  folders.push(folder);
  writeFileSync(join(folder, 'keys.md'), '# Keys\n\nRotate them with `keyctl rotate`.\n');
  return folder;
};
const startDemo = (args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program =>
  keep(startProgram(DEMO, ['--docs', notes(), ...args], { env }));

/** Sends the signal and tells how long the end took. */
const stop = async (
  program: Program,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<Ending & { readonly ms: number }> => {
  const from = performance.now();
  program.child.kill(signal);
  const ending = await program.ended;
  return { ...ending, ms: ending.at - from };
};

type Name = keyof typeof DEADLINES;
type Stopped = Awaited<ReturnType<typeof stop>>;

interface Verdict {
  readonly program: Name;
  readonly runs: number;
  readonly p50Ms: number;
  readonly maxMs: number;
  readonly codes: string;
}

const judge = (program: Name, stopped: readonly Stopped[]): Verdict => {
  const { p50, max } = spread(stopped.map(({ ms }) => ms));
  const codes = [...new Set(stopped.map(({ code }) => code))].join(' ');
  for (const { code, stderr } of stopped) {
    expect([0, 1]).toContain(code);
    // No stack: an error that nobody handled.
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  }
  expect(max).toBeLessThanOrEqual(DEADLINES[program] + GRACE_MS);
  return { program, runs: stopped.length, p50Ms: p50, maxMs: max, codes };
};

const isAtWork = (written: string): boolean => written.includes('at work');
const isIndexed = (written: string): boolean => written.includes('passages');

/** The lines of the tool's own log: what it was called for. */
const callsIn = (folder: string): readonly string[] => {
  const file = join(folder, 'calls.log');
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
};

/** Whether a process is there; one that has ended and that nobody asked about is not. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) Z/.test(readFileSync(stat, 'utf8'));
};

describe('SIGTERM', { timeout: TEST_MS }, () => {
  test('J1: idle, pantheon start', async (context) => {
    const stopped: Stopped[] = [];
    for (const _ of rounds(1, 50)) {
      const program = startCli(application());
      await program.until(isAtWork);
      stopped.push(await stop(program));
    }
    noteFigures(context, 'J1', { when: 'idle', ...judge('cli', stopped) });
  });

  test('J1: idle, the demo', async (context) => {
    const stopped: Stopped[] = [];
    for (const _ of rounds(1, 50)) {
      const program = startDemo();
      await program.until(isIndexed);
      stopped.push(await stop(program));
    }
    noteFigures(context, 'J1', { when: 'idle', ...judge('demo', stopped) });
  });

  test('J1: under load, pantheon start', async (context) => {
    const stopped: Stopped[] = [];
    for (const _ of rounds(2, 50)) {
      const program = startCli(application());
      for (let n = 0; n < 500; n += 1) program.child.stdin?.write(`task ${n}\n`);
      await program.until((written) => written.includes('did task 3'));
      stopped.push(await stop(program));
    }
    noteFigures(context, 'J1', { when: 'under load', ...judge('cli', stopped) });
  });

  test('J1: under load, the demo', async (context) => {
    const stopped: Stopped[] = [];
    for (const _ of rounds(2, 50)) {
      const program = startDemo();
      for (let n = 0; n < 500; n += 1) program.child.stdin?.write('How do I rotate the keys?\n');
      await program.until((written) => written.includes('keyctl rotate'));
      stopped.push(await stop(program));
    }
    noteFigures(context, 'J1', { when: 'under load', ...judge('demo', stopped) });
  });

  test('J1: with a deaf tool', async (context) => {
    const stopCli = async (): Promise<Stopped> => {
      const folder = application();
      const program = startCli(folder);
      program.child.stdin?.write('deaf\n');
      await until('the call', () => callsIn(folder).length > 0);
      return stop(program);
    };
    const model = await startObedientModel();
    onTestFinished(model.close);
    const servers: number[] = [];
    const stopDemo = async (): Promise<Stopped> => {
      const folder = notes();
      const server = join(folder, 'deaf-server.mjs');
      writeFileSync(server, DEAF_SERVER);
      const program = startDemo(
        ['--mcp', `${process.execPath} ${server} ${join(folder, 'calls.log')}`],
        {
          OPENAI_BASE_URL: model.url,
        },
      );
      program.child.stdin?.write('call the tool\n');
      await until('the call', () => callsIn(folder).length > 0);
      servers.push(...callsIn(folder).map(Number));
      return stop(program);
    };
    const figures: Record<string, string | number> = { when: 'deaf tool' };
    for (const _ of rounds(1, 10)) {
      const [cli, demo] = await Promise.all([stopCli(), stopDemo()]);
      for (const verdict of [judge('cli', [cli]), judge('demo', [demo])]) {
        const { program, maxMs, codes } = verdict;
        figures[`${program}MaxMs`] = Math.max(Number(figures[`${program}MaxMs`] ?? 0), maxMs);
        figures[`${program}Codes`] = codes;
      }
    }
    await until('the end of the servers', () => !servers.some(isAlive)).catch(() => undefined);
    const orphans = servers.filter(isAlive).length;
    noteFigures(context, 'J1', { ...figures, orphans });
    // The tool does not listen to signals either.
    expect([servers.length > 0, orphans]).toEqual([true, 0]);
  });

  test.for(['cli', 'demo'] as const)('J1: during its start, %s', async (name, context) => {
    const moments = rounds(4, 50);
    const stopped: Stopped[] = [];
    let beforeUs = 0;
    const start = (): Program => (name === 'cli' ? startCli(application()) : startDemo());
    const from = performance.now();
    const undisturbed = start();
    await undisturbed.until(name === 'cli' ? isAtWork : isIndexed);
    const startMs = performance.now() - from;
    stopped.push(await stop(undisturbed));
    for (const n of moments) {
      const program = start();
      // From the first instant to about the time when it is at work, evenly.
      const afterMs = (n / (moments.length - 1)) * startMs;
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const ending = await stop(program);
      // Until Node runs the first line of the program, a signal means what it means to any process.
      if (ending.code !== 'SIGTERM') stopped.push(ending);
      else if (ending.stderr === '' && ending.stdout === '') beforeUs += 1;
      else expect.fail(`ended by the signal after it had begun: ${ending.stderr}`);
    }
    noteFigures(context, 'J1', { when: 'start', ...judge(name, stopped), beforeUs });
  });
});

describeWithRedisServer('SIGTERM with Redis', (redis) => {
  test('J1: while Redis is away', { timeout: TEST_MS }, async (context) => {
    /** Half of the time it does not answer, half of the time it is gone. */
    const stopWithout = async (name: Name, isGone: boolean): Promise<Stopped> => {
      const proxy = await startProxy(redis().port);
      const url = `redis://127.0.0.1:${proxy.port}`;
      const program =
        name === 'cli'
          ? startCli(application(), { REDIS_URL: url })
          : startDemo(['--redis', url, '--state', 'redis']);
      await program.until(name === 'cli' ? isAtWork : isIndexed);
      program.child.stdin?.write('one\ntwo\nthree\n');
      proxy.set({ kind: 'blackhole' });
      if (isGone) await proxy.close();
      const stopped = await stop(program);
      if (!isGone) await proxy.close();
      return stopped;
    };
    const stopped: Record<Name, Stopped[]> = { cli: [], demo: [] };
    for (const _ of rounds(1, 25)) {
      await Promise.all(
        (['cli', 'demo'] as const).flatMap((name) =>
          [false, true].map(async (isGone) => stopped[name].push(await stopWithout(name, isGone))),
        ),
      );
    }
    const [cli, demo] = [judge('cli', stopped.cli), judge('demo', stopped.demo)];
    noteFigures(context, 'J1', {
      when: 'Redis outage',
      runs: cli.runs + demo.runs,
      cliMaxMs: cli.maxMs,
      demoMaxMs: demo.maxMs,
      codes: [...new Set([cli.codes, demo.codes])].join(' '),
    });
  });

  test('J2: under load, again and again, with restarts', { timeout: TEST_MS }, async (context) => {
    const tasks = IS_FULL ? 3_000 : 100;
    const folder = application();
    const env = { REDIS_URL: redis().url, WORK_MS: '10' };
    const outside = makeRedisBus({ url: redis().url, namespace: 'stopped' });
    onTestFinished(() => outside.close());
    let program = startCli(folder, env);
    await program.until(isAtWork);
    for (let n = 0; n < tasks; n += 1)
      await outside.send({ from: 'user', to: 'worker', content: `task ${n}` });
    const stopped: Stopped[] = [];
    const isDone = (): boolean => new Set(callsIn(folder)).size >= tasks;
    while (stopped.length < rounds(3, 50).length && !isDone()) {
      const before = callsIn(folder).length;
      // In the midst of its work, wherever that is.
      await until('some work', () => callsIn(folder).length > before + 3 || isDone());
      stopped.push(await stop(program));
      program = startCli(folder, env);
      await program.until(isAtWork);
    }
    await until('all tasks', isDone);
    await stop(program);
    const calls = callsIn(folder);
    const repeated = calls.length - new Set(calls).size;
    const lost = tasks - new Set(calls.map((call) => call.split(' ').slice(0, 3).join(' '))).size;
    const dead = await outside.deadLetters.list();
    const { runs, p50Ms, maxMs, codes } = judge('cli', stopped);
    const figures = { stops: runs, tasks, lost, repeated, dead: dead.length, p50Ms, maxMs, codes };
    noteFigures(context, 'J2', figures);
    expect(figures).toMatchObject({ lost: 0, repeated: 0, dead: 0 });
    expect(calls).toHaveLength(tasks);
  });
});

describe('more than one end', { timeout: TEST_MS }, () => {
  test.for(['cli', 'demo'] as const)(
    'J3: two signals, and two kinds of them, %s',
    async (name, context) => {
      const endings: Stopped[] = [];
      for (const n of rounds(3, 50)) {
        const program = name === 'cli' ? startCli(application()) : startDemo();
        await program.until(name === 'cli' ? isAtWork : isIndexed);
        const from = performance.now();
        program.child.kill('SIGTERM');
        program.child.kill((['SIGTERM', 'SIGINT', 'SIGTERM'] as const)[n % 3]);
        if (n % 3 === 2) program.child.stdin?.end();
        const ending = await program.ended;
        endings.push({ ...ending, ms: ending.at - from });
      }
      const figures = judge(name, endings);
      noteFigures(context, 'J3', { what: 'signals', ...figures });
      // Signals that come together are one, and the end is in good order.
      expect(figures['codes']).toBe('0');
    },
  );

  test('J3: a second signal while a tool does not let go', async (context) => {
    const folder = application();
    const program = startCli(folder);
    program.child.stdin?.write('deaf\n');
    await until('the call', () => callsIn(folder).length > 0);
    const first = performance.now();
    program.child.kill('SIGTERM');
    const again = setInterval(() => program.child.kill('SIGINT'), 100);
    const ending = await program.ended;
    clearInterval(again);
    const ms = Math.round(ending.at - first);
    noteFigures(context, 'J3', { what: 'deaf tool, again and again', ms, code: ending.code });
    expect(ending.code).toBe(1);
    expect(ms).toBeLessThan(DEADLINES.cli);
  });
});

test('J3: stop ten times at once, and inside of a tick', async (context) => {
  const timers = makeManualTimers({ startMs: 1_000 });
  let ticks = 0;
  const { orchestrator } = makeDesk({}, {}, timers);
  const ending: { stop?: Promise<unknown> } = {};
  const actor = actorOf([
    behavior('stopper', async () => {
      // A tick that waited for the end of its orchestrator would wait for itself.
      ending.stop = orchestrator.stop({ timeoutMs: 1_000 });
      await Promise.resolve();
      ticks += 1;
      return { actions: [{ type: 'message', content: 'last words' }] };
    }),
  ]);
  const ticked = orchestrator.tickActor(actor);
  await timers.advance(10);
  const reports = await Promise.all(Array.from({ length: 10 }, () => orchestrator.stop()));
  const report = await ticked;
  const refused = await orchestrator.tickActor(actor).then(
    () => 'ticked',
    (error: { readonly code?: string }) => error.code,
  );
  const kinds = new Set([...reports, await ending.stop]).size;
  noteFigures(context, 'J3', {
    what: 'stop() x 11',
    reports: kinds,
    tick: report.status,
    clean: `${reports[0]?.clean}`,
    ticks,
  });
  expect([kinds, report.status, reports[0], refused, ticks]).toEqual([
    1,
    'ok',
    { clean: true, aborted: 0 },
    'orchestrator-stopped',
    1,
  ]);
});

describe('J4: nobody is left', { timeout: TEST_MS }, () => {
  test.for(['cli', 'demo'] as const)('the parent of %s dies', async (name, context) => {
    let alive = 0;
    let longest = 0;
    for (const _ of rounds(2, 20)) {
      const args = name === 'cli' ? [CLI, 'start'] : [DEMO, '--docs', notes()];
      const command = ['--conditions=@promethean/source', '--no-warnings', ...args];
      // It feeds its child through a pipe, and dies without a word.
      const source = `
        const child = require('node:child_process').spawn(process.execPath, ${JSON.stringify(command)},
          { stdio: ['pipe', 'pipe', 'pipe'] });
        let text = '';
        const look = (data) => {
          text += data;
          if (/at work|passages/.test(text)) console.log(child.pid);
        };
        child.stdout.on('data', look);
        child.stderr.on('data', look);
      `;
      const parent = spawn(process.execPath, ['-e', source], {
        cwd: name === 'cli' ? application() : notes(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      parent.stdout.on('data', (data: Buffer) => (said += data.toString()));
      await until('the child', () => /^\d+\n/.test(said));
      const pid = Number.parseInt(said, 10);
      const from = performance.now();
      parent.kill('SIGKILL');
      const deadline = from + DEADLINES[name] + 5_000;
      while (isAlive(pid) && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 10));
      longest = Math.max(longest, performance.now() - from);
      if (!isAlive(pid)) continue;
      alive += 1;
      process.kill(pid, 'SIGKILL');
    }
    noteFigures(context, 'J4', {
      program: name,
      what: 'parent',
      alive,
      maxMs: Math.round(longest),
    });
    expect(alive).toBe(0);
  });

  test.for(['cli', 'demo'] as const)('the reader of %s has gone', async (name, context) => {
    const endings: Ending[] = [];
    let longest = 0;
    for (const _ of rounds(2, 20)) {
      const program = name === 'cli' ? startCli(application()) : startDemo();
      const ask = (): void => void program.child.stdin?.write('How do I rotate the keys?\n');
      await program.until(name === 'cli' ? isAtWork : isIndexed);
      ask();
      await until('the first line', () => program.stdout().includes('\n'));
      const from = performance.now();
      program.child.stdout?.destroy();
      program.child.stderr?.destroy();
      const more = setInterval(ask, 20);
      const ending = await program.ended;
      clearInterval(more);
      longest = Math.max(longest, ending.at - from);
      endings.push(ending);
    }
    const codes = [...new Set(endings.map(({ code }) => code))].join(' ');
    noteFigures(context, 'J4', {
      program: name,
      what: 'EPIPE',
      runs: endings.length,
      codes,
      maxMs: Math.round(longest),
    });
    expect(codes).toBe('0');
    expect(longest).toBeLessThan(DEADLINES[name] + 5_000);
  });
});
