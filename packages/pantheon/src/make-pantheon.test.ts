import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PantheonError, defineScript, makeActorFactory } from '@promethean/pantheon-core';
import type {
  ActorScript,
  BusMessage,
  IActorStatePort,
  Message,
  PantheonEvent,
} from '@promethean/pantheon-core';
import {
  makeMemoryBus,
  makeMemoryContext,
  makeMemoryJournal,
  makeMemoryLeases,
  makeMemoryScheduler,
  makeMemoryState,
  makeMemoryTools,
  makeScriptedLlm,
} from '@promethean/pantheon-core/memory';
import { makeManualScheduler } from '@promethean/pantheon-testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PantheonConfig } from './config.ts';
import { type Pantheon, makePantheon } from './make-pantheon.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const { createBehavior, createTalent } = makeActorFactory();
/** Answers the user with what it was told. */
const scriptOf = (name: string, more: Partial<ActorScript> = {}): ActorScript =>
  defineScript({
    name,
    contextSources: [],
    talents: [
      createTalent('answering', [
        createBehavior('echo', 'active', ({ userMessage = '' }) => ({
          actions: [{ type: 'message', content: `${name}: ${userMessage}` }],
        })),
      ]),
    ],
    ...more,
  });
const echo = scriptOf('echo');

let folder = '';
const running: Pantheon[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pantheon-'));
});
afterEach(async () => {
  for (const pantheon of running.splice(0)) await pantheon.stop();
  await rm(folder, { recursive: true });
});

/** In an environment without settings, and silent. */
const make = (config: PantheonConfig = {}, env: Record<string, string> = {}): Pantheon => {
  const pantheon = makePantheon({ log: false, ...config }, { env });
  running.push(pantheon);
  return pantheon;
};

/** The first message to the user that the bus carries from now on. */
const answerOn = ({ ports }: Pantheon): Promise<BusMessage> =>
  new Promise((resolve) => void ports.bus.subscribe(resolve, { to: 'user' }));

describe('start', () => {
  test('makes the actors, who answer what is sent to their names', async () => {
    const pantheon = make({ actors: [{ script: echo, goals: ['repeat', 'repeat again'] }] });
    await pantheon.start();
    const answered = answerOn(pantheon);
    await pantheon.ports.bus.send({ from: 'user', to: 'echo', content: 'hello' });
    expect(await answered).toMatchObject({ from: 'echo', content: 'echo: hello' });
    expect(await pantheon.actor('echo')).toMatchObject({ goals: ['repeat', 'repeat again'] });
  });

  test('gives actors of one script ids of their own', async () => {
    const pantheon = make({ actors: [{ script: echo, id: 'b' }, { script: echo }] });
    expect(await pantheon.actors()).toEqual([]);
    await pantheon.start();
    expect((await pantheon.actors()).map(({ id, goals }) => [id, goals])).toEqual([
      ['b', []],
      ['echo', []],
    ]);
  });

  test('starts the loops that the config or the script asks for', async () => {
    const schedule = makeManualScheduler();
    const looping = scriptOf('looping', { loop: { intervalMs: 1_000 } });
    const { start, orchestrator } = make({
      actors: [{ script: looping }, { script: echo, loopMs: 300 }, { script: echo, id: 'idle' }],
      schedule,
    });
    await start();
    expect(orchestrator.stats().loops).toBe(2);
    await schedule.advance(1_000);
    await vi.waitFor(() => expect(orchestrator.stats().ticks.ok).toBe(4), 10_000);
  });

  test('indexes the folders of documents', async () => {
    await writeFile(join(folder, 'tides.md'), '# Tides\n\nThe moon causes the tides.\n');
    const seen: Message[] = [];
    const reader = scriptOf('reader', {
      contextSources: [{ id: 'docs', label: 'documents' }],
      talents: [
        createTalent('reading', [
          createBehavior('read', 'active', ({ context }) => {
            seen.push(...context);
            return { actions: [] };
          }),
        ]),
      ],
    });
    const pantheon = make({
      actors: [{ script: reader }],
      context: { documents: { docs: folder } },
    });
    await pantheon.start();
    await pantheon.orchestrator.deliver('reader', 'What causes the tides?');
    expect(seen.map(({ content }) => content).join()).toContain('The moon causes the tides.');
  });

  test('waits for the ports that have to get ready, twice for the bus', async () => {
    const calls: string[] = [];
    const ready = (name: string) => async (): Promise<void> => void calls.push(name);
    const state = Object.assign(makeMemoryState(), { ready: ready('state') });
    const bus = Object.assign(makeMemoryBus(), { ready: ready('bus') });
    await make({ state, bus }).start();
    expect(calls).toEqual(['state', 'bus', 'bus']);
  });

  test('is done once, by whoever calls it', async () => {
    const calls: string[] = [];
    const state = makeMemoryState();
    const spawn: IActorStatePort['spawn'] = (...call) => {
      calls.push(call[0].name);
      return state.spawn(...call);
    };
    const pantheon = make({ actors: [{ script: echo }], state: { ...state, spawn } });
    await Promise.all([pantheon.start(), pantheon.start()]);
    await pantheon.start();
    expect(calls).toEqual(['echo']);
  });

  test('that fails stops and closes what there is, and rejects every time', async () => {
    const state = makeMemoryState();
    const failing = { ...state, spawn: () => Promise.reject(new Error('no room')) };
    const pantheon = make({ actors: [{ script: echo }], state: failing });
    await expect(pantheon.start()).rejects.toThrow('no room');
    await expect(pantheon.start()).rejects.toThrow('no room');
    const message = { from: 'a', to: 'b', content: '' };
    await expect(pantheon.ports.bus.send(message)).rejects.toMatchObject({ code: 'closed' });
    await pantheon.stop();
  });

  test('after stop is refused', async () => {
    const pantheon = make();
    await pantheon.start();
    await pantheon.stop();
    await expect(pantheon.start()).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('stop', () => {
  test('closes what was made, last made first, and may be called by many', async () => {
    const pantheon = make({ state: { file: join(folder, 'state.db') } });
    await pantheon.start();
    const first = pantheon.stop();
    expect(pantheon.stop()).toBe(first);
    expect(await first).toEqual({ clean: true, aborted: 0 });
    const { state, context, bus, tools, llm } = pantheon.ports;
    const closed = { code: 'closed' };
    await expect(state.list()).rejects.toMatchObject(closed);
    await expect(context.compile({ sources: [] })).rejects.toMatchObject(closed);
    await expect(bus.send({ from: 'a', to: 'b', content: '' })).rejects.toMatchObject(closed);
    await expect(tools.invoke('a', {})).rejects.toMatchObject(closed);
    await expect(
      llm.complete({ messages: [{ role: 'user', content: 'a' }] }),
    ).rejects.toMatchObject(closed);
  });

  test('leaves nothing that keeps the process alive', { timeout: 60_000 }, async () => {
    const code = `
      import { makePantheon } from '@promethean/pantheon';
      const script = { name: 'a', contextSources: [], talents: [] };
      const pantheon = makePantheon({
        actors: [{ script, loopMs: 1_000 }],
        state: { file: 'state.db' },
        context: { file: 'context.db', documents: { docs: '.' } },
        log: { level: 'debug', destination: 'app.log' },
        llm: { baseURL: 'http://127.0.0.1:1/v1' },
      });
      await pantheon.start();
      await pantheon.stop();
      process.stdout.write('stopped');
    `;
    await mkdir(join(folder, 'node_modules/@promethean'), { recursive: true });
    await symlink(PACKAGE, join(folder, 'node_modules/@promethean/pantheon'));
    const node = ['--conditions=@promethean/source', '--input-type=module', '--eval', code];
    const { stdout } = await promisify(execFile)(process.execPath, node, {
      cwd: folder,
      timeout: 50_000,
    });
    expect(stdout).toBe('stopped');
  });

  test('does not close a port that was given', async () => {
    const closed: string[] = [];
    const watched = <Port extends object>(name: string, port: Port): Port => ({
      ...port,
      close: async () => void closed.push(name),
    });
    const pantheon = make({
      bus: watched('bus', makeMemoryBus()),
      state: watched('state', makeMemoryState()),
      context: watched('context', makeMemoryContext()),
      tools: watched('tools', makeMemoryTools()),
      llm: watched('llm', makeScriptedLlm([])),
      schedule: watched('schedule', makeMemoryScheduler()),
    });
    await pantheon.start();
    await pantheon.stop();
    expect(closed).toEqual([]);
  });

  test('ends a start that waits for a server', async () => {
    const state = { ...makeMemoryState(), ready: () => new Promise(() => undefined) };
    const pantheon = make({ state });
    const started = pantheon.start().catch((error: unknown) => error);
    await pantheon.stop();
    expect(await started).toMatchObject({ code: 'closed' });
  });

  test('gives running ticks up at its deadline', async () => {
    const stuck = scriptOf('stuck', {
      talents: [
        createTalent('waiting', [
          createBehavior('wait', 'active', () => new Promise<never>(() => undefined)),
        ]),
      ],
    });
    const pantheon = make({ actors: [{ script: stuck }] });
    await pantheon.start();
    const tick = pantheon.orchestrator.deliver('stuck', 'go');
    await vi.waitFor(() => expect(pantheon.orchestrator.stats().running).toBe(1), 10_000);
    expect(await pantheon.stop({ timeoutMs: 10 })).toEqual({ clean: false, aborted: 1 });
    expect((await tick).status).toBe('cancelled');
  });
});

describe('a journal in a file', () => {
  const config = (act: ActorScript): PantheonConfig => ({
    actors: [{ script: act }],
    state: { file: join(folder, 'state.db') },
    journal: { file: join(folder, 'journal.db') },
  });

  test('has start finish what the last process was stopped in, with the plan that it had', async () => {
    const plans: string[] = [];
    let isBroken = true;
    const tools = makeMemoryTools();
    tools.register({
      name: 'pay',
      idempotent: true,
      invoke: () => (isBroken ? new Promise(() => undefined) : 'paid'),
    });
    const paying = createBehavior('pay', 'active', ({ userMessage }) => {
      plans.push(String(userMessage));
      return { actions: [{ type: 'tool', name: 'pay', args: {} }] };
    });
    const act = scriptOf('clerk', { talents: [createTalent('money', [paying])] });
    const before = make({ ...config(act), tools });
    await before.start();
    const tick = before.orchestrator.deliver('clerk', 'the rent');
    await expect.poll(() => plans).toEqual(['the rent']);
    await before.stop({ timeoutMs: 50 });
    expect((await tick).status).toBe('cancelled');

    isBroken = false;
    const ended: unknown[] = [];
    const after = make({
      ...config(act),
      tools,
      observe: (event) => void (event.type === 'tick-ended' && ended.push(event.report?.status)),
    });
    await after.start();
    await expect.poll(() => ended).toEqual(['ok']);
    expect(plans).toEqual(['the rent']);
  });

  test('is left to the bus where processes share the messages', async () => {
    const act = scriptOf('clerk');
    const before = make(config(act));
    await before.start();
    const { journal } = before.ports;
    await journal?.open({ tickId: 't1', actorId: 'clerk', cause: 'm1', input: {} });
    await before.stop();
    const lines: string[] = [];
    const after = make({ ...config(act), group: 'clerks', log: (line) => lines.push(line) });
    await after.start();
    expect(await after.ports.journal?.unfinished()).toHaveLength(1);
    expect(lines).toContain(
      'What an earlier process left is taken up only with a message that comes again',
    );
  });

  test('is gone on with where leases tell who is at what', async () => {
    const act = scriptOf('clerk');
    const before = make(config(act));
    await before.start();
    await before.ports.journal?.open({ tickId: 't1', actorId: 'clerk', input: {} });
    await before.stop();
    const leases = makeMemoryLeases();
    const after = make({ ...config(act), group: 'clerks', leases });
    expect(after.ports.leases).toBe(leases);
    await after.start();
    await expect.poll(() => after.ports.journal?.unfinished()).toEqual([]);
    await after.stop();
    const lease = await leases.acquire('still open');
    expect(lease?.isHeld()).toBe(true);
    await lease?.release();
  });
});

describe('what the last process left in the state', () => {
  const child = scriptOf('child', { loop: { intervalMs: 60_000 } });
  const parent = scriptOf('parent', {
    talents: [
      createTalent('leading', [
        createBehavior('lead', 'active', () => ({
          actions: [
            { type: 'spawn', actor: child, goal: 'help' },
            { type: 'wait', durationMs: 600_000 },
          ],
        })),
      ]),
    ],
  });
  const config = (): PantheonConfig => ({
    actors: [{ script: parent }],
    scripts: [child],
    state: { file: join(folder, 'state.db') },
  });
  const leave = async (): Promise<void> => {
    const before = make(config());
    await before.start();
    const { status } = await before.orchestrator.deliver('parent', 'begin');
    expect(status).toBe('ok');
    await before.stop();
  };

  test('comes back without a journal: loops and waits of spawned actors', async () => {
    await leave();
    const schedule = makeManualScheduler({ startMs: Date.now() + 600_000 });
    const { start, orchestrator } = make({ ...config(), schedule, now: schedule.now });
    await start();
    expect(orchestrator.stats().loops).toBe(1);
    // The wait of the parent is over, and so is one turn of the child's loop.
    await schedule.advance(60_000);
    await vi.waitFor(() => expect(orchestrator.stats().ticks.ok).toBe(2), 10_000);
  });

  test('is left alone in a group without leases, where another process may be at it', async () => {
    await leave();
    const after = make({ ...config(), group: 'leaders' });
    await after.start();
    expect(after.orchestrator.stats().loops).toBe(0);
  });

  test('keeps nobody from starting where its scripts are unknown', async () => {
    await leave();
    const state = { file: join(folder, 'state.db') };
    for (const journal of [undefined, { file: join(folder, 'journal.db') }]) {
      const lines: string[] = [];
      const after = make({ state, journal, log: (line) => lines.push(line) });
      await after.start();
      expect(lines).toContain('What the last process left in the state could not be taken up');
    }
  });
});

describe('with leases, what another process leaves', () => {
  const surroundings = (log: string[] = []) => {
    const schedule = makeManualScheduler();
    const shared: PantheonConfig = {
      actors: [{ script: scriptOf('clerk') }],
      group: 'clerks',
      journal: makeMemoryJournal(),
      leases: makeMemoryLeases(),
      schedule,
      now: schedule.now,
      log: (line) => log.push(line),
    };
    return { schedule, shared };
  };
  /** What a process leaves that dies in a tick. */
  const leave = ({ ports }: Pantheon, tickId: string): unknown =>
    ports.journal?.open({ tickId, actorId: 'clerk', cause: tickId, input: {} });

  test('is taken up within half a minute, again and again, until stop', async () => {
    const { schedule, shared } = surroundings();
    const pantheon = make(shared);
    await pantheon.start();
    const unfinished = () => pantheon.ports.journal?.unfinished();
    for (const tickId of ['t1', 't2']) {
      await leave(pantheon, tickId);
      await schedule.advance(29_999);
      expect(await unfinished()).toHaveLength(1);
      await schedule.advance(1);
      await expect.poll(unfinished, { timeout: 10_000 }).toEqual([]);
    }
    await pantheon.stop();
    expect(schedule.pending()).toBe(0);
  });

  test('is looked for again after the journal could not be reached', async () => {
    const lines: string[] = [];
    const { schedule, shared } = surroundings(lines);
    const journal = makeMemoryJournal();
    let isReachable = true;
    const unfinished = async () => {
      if (isReachable) return journal.unfinished();
      throw new PantheonError('unavailable', 'no journal', { retryable: true });
    };
    const pantheon = make({ ...shared, journal: { ...journal, unfinished } });
    await pantheon.start();
    await leave(pantheon, 't1');
    isReachable = false;
    await schedule.advance(30_000);
    await expect
      .poll(() => lines, { timeout: 10_000 })
      .toContain('What other processes have left could not be taken up');
    isReachable = true;
    await schedule.advance(30_000);
    await expect.poll(() => journal.unfinished(), { timeout: 10_000 }).toEqual([]);
  });
});

describe('a state in a file', () => {
  const file = (): string => join(folder, 'not/yet/there/state.db');

  test('has the actors of an earlier run, with what became of them', async () => {
    const config = (goals: readonly string[]): PantheonConfig => ({
      actors: [{ script: echo, goals }],
      state: { file: file() },
    });
    const before = make(config(['a', 'b']));
    await before.start();
    await before.ports.state.update('echo', { metadata: { answered: 3 } });
    const kept = await before.actor('echo');
    await before.stop();

    const after = make(config(['c', 'd']));
    await after.start();
    expect(await after.actors()).toEqual([kept]);
    expect(kept).toMatchObject({ goals: ['a', 'b'], metadata: { answered: 3 } });
  });

  test('completes an actor whose making was interrupted', async () => {
    const config = { actors: [{ script: echo, goals: ['a', 'b'] }], state: { file: file() } };
    const before = make(config);
    await before.ports.state.spawn(echo, 'a', { id: 'echo' });
    await before.stop();
    const after = make(config);
    await after.start();
    expect(await after.actor('echo')).toMatchObject({ goals: ['a', 'b'] });
  });

  test('revives spawned actors of the scripts that are named', async () => {
    const child = scriptOf('child');
    const before = make({ scripts: [child], state: { file: file() } });
    await before.ports.state.spawn(child, 'help', { id: 'c1' });
    await before.stop();
    const after = make({ scripts: [child], state: { file: file() } });
    await after.start();
    expect((await after.actor('c1')).script).toBe(child);
  });

  test('refuses an id that an actor of another script has', async () => {
    const other = scriptOf('other');
    const before = make({ actors: [{ script: other, id: 'one' }], state: { file: file() } });
    await before.start();
    await before.stop();
    const after = make({
      actors: [{ script: echo, id: 'one' }],
      scripts: [other],
      state: { file: file() },
    });
    await expect(after.start()).rejects.toThrow(
      'the state has an actor one of the script other, not echo',
    );
  });

  test('that cannot be opened fails the start', async () => {
    const { start } = make({ state: { file: folder } });
    await expect(start()).rejects.toMatchObject({
      code: 'file-unreadable',
      message: `state.file: ${folder} is a folder; give the path of a file.`,
    });
  });
});

describe('the model', () => {
  test('is offline without a key and an address, and openai with one of them', async () => {
    const asks: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asks.push(request.headers.authorization);
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          choices: [
            { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'yes' } },
          ],
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const messages: readonly Message[] = [{ role: 'user', content: 'Hello!' }];
    const env = { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` };

    await make().ports.llm.complete({ messages });
    await make({ llm: 'offline' }, env).ports.llm.complete({ messages });
    expect(asks).toEqual([]);
    expect((await make({}, env).ports.llm.complete({ messages })).content).toBe('yes');
    const keyed = make({}, { ...env, OPENAI_API_KEY: 'sk-of-the-environment' });
    await keyed.ports.llm.complete({ messages });
    const { ports } = make({ llm: { apiKey: 'sk-of-the-config' } }, env);
    await ports.llm.complete({ messages });
    expect(asks).toEqual([
      'Bearer none',
      'Bearer sk-of-the-environment',
      'Bearer sk-of-the-config',
    ]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('that is asked for, but nowhere to be found, is an error with the way out', () => {
    expect(() => make({ llm: 'openai' })).toThrow('an OpenAI model needs OPENAI_API_KEY, or');
    expect(() => make({}, { PANTHEON_LLM: 'openai' })).toThrow('needs OPENAI_API_KEY, or');
  });
});

describe('the log', () => {
  test('has no key, wherever the key came from', async () => {
    const file = join(folder, 'app.log');
    const env = { OPENAI_API_KEY: 'one-very-secret-key' };
    const headers = { 'x-token': 'two-very-secret-token' };
    const log = { level: 'info', destination: file, secrets: ['three-own-secret'] } as const;
    const pantheon = make({ log, llm: { headers } }, env);
    pantheon.ports.log(`keys one-very-secret-key two-very-secret-token three-own-secret`);
    await pantheon.stop();
    const text = await readFile(file, 'utf8');
    expect(text).toContain('keys ');
    expect(text).not.toMatch(/very-secret|own-secret/);
  });

  test('tells of failed tasks and deliveries', async () => {
    const lines: string[] = [];
    const { ports } = make({ log: (line) => lines.push(line) });
    ports.schedule.once(0, () => {
      throw new Error('task');
    });
    ports.bus.subscribe(() => {
      throw new Error('handler');
    });
    const { id } = await ports.bus.send({ from: 'a', to: 'b', content: '' });
    await vi.waitFor(
      () =>
        expect(lines.toSorted()).toEqual([
          'A scheduled task failed',
          `Message ${id} was not handled`,
        ]),
      10_000,
    );
  });
});

describe('makePantheon', () => {
  test('hands options, clock and observer to the orchestrator', async () => {
    const events: PantheonEvent[] = [];
    const observe = (event: PantheonEvent): void => void events.push(event);
    const pantheon = make({
      actors: [{ script: echo }],
      observe,
      now: () => 5,
      options: { newId: () => 'tick-1' },
    });
    await pantheon.start();
    expect(await pantheon.actor('echo')).toMatchObject({ createdAt: 5 });
    await pantheon.orchestrator.deliver('echo', 'a');
    expect(events.find(({ type }) => type === 'tick-started')).toMatchObject({
      at: 5,
      tickId: 'tick-1',
    });
    expect(() => make({ options: { maxRounds: 0 } })).toThrow('options.maxRounds must be');
  });

  test('checks its config', () => {
    expect(() => make({ sate: 'memory' } as PantheonConfig)).toThrow(
      'makePantheon: "sate" is no setting; did you mean "state"?',
    );
    const reader = scriptOf('reader', { contextSources: [{ id: 'docs', label: 'documents' }] });
    expect(() => make({ actors: [{ script: reader }] })).toThrow(
      'context: the script reader has the source "docs", but there is only conversation; name its folder in context.documents.',
    );
    expect(() => make({ llm: { apiKey: 'sk-1', temperature: 9 } })).toThrow('llm: temperature');
  });

  test('leaves no file of the state behind when the context cannot be made', async () => {
    await mkdir(join(folder, 'taken.db'));
    const file = join(folder, 'state.db');
    expect(() => make({ state: { file }, context: { file: join(folder, 'taken.db') } })).toThrow(
      expect.objectContaining({ code: 'file-unreadable' }) as Error,
    );
    expect(existsSync(file)).toBe(false);
  });

  test('refuses an actor that is not there', async () => {
    await expect(make().actor('nobody')).rejects.toMatchObject({ code: 'actor-unknown' });
  });
});
