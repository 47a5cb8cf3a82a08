/** Group H: hostile data in plans, messages, records and logs. */
import { makePinoLog } from '@promethean/adapter-pino-log';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import {
  type IMessageBus,
  PantheonError,
  isAction,
  type OutgoingMessage,
} from '@promethean/pantheon-core';
import { copyJson, encodeId } from '@promethean/pantheon-core/adapter';
import { makeMemoryBus, makeMemoryState } from '@promethean/pantheon-core/memory';
import fc from 'fast-check';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { actorOf, behavior, heapBytes, makeDesk } from './desk.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Milliseconds that this process has worked: what others do on the machine counts little. */
const workedMs = (): number => process.cpuUsage().user / 1_000;
const codeOf = (error: unknown): string => (PantheonError.is(error) ? error.code : 'foreign');

/** Whether some prototype that everybody shares has got a member that it had not. */
const pollution = (): number => {
  const shared = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
  return shared.filter((one) => Object.hasOwn(one, 'polluted') || Object.hasOwn(one, 'goal'))
    .length;
};

const hostileKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'type',
  'args',
  'polluted',
  'then',
);
const hostileValue = fc.anything({
  key: fc.oneof(hostileKey, fc.string({ maxLength: 5 })),
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withTypedArray: true,
  withSparseArray: true,
  maxDepth: 3,
});
const hostileAction = fc.oneof(
  hostileValue,
  fc.record(
    {
      type: fc.constantFrom<unknown>(
        'message',
        'tool',
        'spawn',
        'wait',
        'remember',
        '__proto__',
        7,
        undefined,
      ),
      content: hostileValue,
      name: fc.oneof(hostileKey, hostileValue),
      args: hostileValue,
      target: hostileValue,
      actor: hostileValue,
      goal: hostileValue,
      durationMs: fc.oneof(fc.constantFrom(-0, 2 ** 53 + 1, Number.NaN), hostileValue),
      entries: hostileValue,
    },
    { requiredKeys: ['type'] },
  ),
  fc.constant(JSON.parse('{"type":"tool","name":"x","args":{"__proto__":{"polluted":1}}}')),
  fc.constant(
    JSON.parse('{"type":"tool","name":"x","args":{"constructor":{"prototype":{"polluted":1}}}}'),
  ),
);

/** Accessors, and lists that are objects: what `anything` does not make. */
const trapped = fc.constantFrom<() => unknown>(
  () => ({
    get type(): never {
      throw new Error('trap');
    },
  }),
  () => ({ type: 'tool', name: 'x', args: { length: 1, 0: 'x' } }),
  () => ({ type: 'tool', name: 'x', args: Object.create({ polluted: 1 }) as object }),
  () => Object.defineProperty({ type: 'message' }, 'content', { get: () => 'x' }),
);
const PLANS = IS_FULL ? 410_000 : 20_000;

test(`H1: fuzzed actions in ${PLANS} plans`, async (context) => {
  let [actions, crashes] = [0, 0];
  const { orchestrator } = makeDesk();
  const seed = Math.floor(Math.random() * 2 ** 31);
  const trap = trapped.map((make) => make());
  const action = fc.oneof({ weight: 9, arbitrary: hostileAction }, { weight: 1, arbitrary: trap });
  const statuses = new Map<string, number>();
  for (let n = 0; n < PLANS; n += 1) {
    // Each from a seed of its own: a million at once would be kept in memory.
    const [plan = []] = fc.sample(fc.array(action, { maxLength: 6 }), {
      seed: seed + n,
      numRuns: 1,
    });
    actions += plan.length;
    const ticking = orchestrator.tickActor(
      actorOf([behavior('fuzz', plan as never)], `a${n % 50}`),
    );
    const report = await ticking.catch(() => {
      crashes += 1;
      return undefined;
    });
    for (const { status } of report?.outcomes ?? [])
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    for (const one of plan) {
      try {
        isAction(one);
      } catch {
        crashes += 1;
      }
    }
  }
  await orchestrator.stop();
  noteFigures(context, 'H1', {
    seed,
    actions,
    crashes,
    pollution: pollution(),
    ...Object.fromEntries(statuses),
  });
  expect({ seed, crashes, pollution: pollution() }).toEqual({ seed, crashes: 0, pollution: 0 });
  expect((statuses.get('invalid') ?? 0) + (statuses.get('ok') ?? 0)).toBeGreaterThan(0);
}, 600_000);

test('H2: depth and breadth', async (context) => {
  const refuse = (path: string, problem: string): never => {
    throw new PantheonError('action-invalid', `${path.slice(0, 80)} ${problem}`);
  };
  const nested = (depth: number): unknown => {
    let value: unknown = 1;
    for (let n = 0; n < depth; n += 1) value = [value];
    return value;
  };
  const run = (value: unknown): string => {
    try {
      copyJson(value, 'value', refuse);
      return 'copied';
    } catch (error) {
      return codeOf(error);
    }
  };
  const depths = [64, 65, 10_000, 1_000_000].map((depth) => run(nested(depth)));
  const { orchestrator } = makeDesk();
  const wide = Object.fromEntries(Array.from({ length: 1_000_000 }, (_, n) => [`k${n}`, 0]));
  const long = Array.from({ length: 10_000_000 }).fill(0);
  const began = workedMs();
  const { outcomes } = await orchestrator.tickActor(
    actorOf([
      behavior('much', [
        { type: 'tool', name: 'x', args: wide },
        { type: 'tool', name: 'x', args: { long } },
        { type: 'tool', name: 'x', args: { deep: nested(100_000) } },
      ]),
    ]),
  );
  const ms = Math.round(workedMs() - began);
  const statuses = outcomes.map(({ status }) => status).join(' ');
  noteFigures(context, 'H2', { depths: depths.join(' '), actions: statuses, ms });
  expect(depths).toEqual(['copied', 'action-invalid', 'action-invalid', 'action-invalid']);
  expect(statuses).toBe('invalid invalid invalid');
  // 50 ms for each of some 33 MiB, and what a slow machine adds.
  expect(ms).toBeLessThan(50 * 33 * 3);
}, 120_000);

test('H3: ids and keys that objects have, in memory', async (context) => {
  const ODD = ['__proto__', 'hasOwnProperty', '0', 'constructor', 'a:b', '*', '{x}'];
  const state = makeMemoryState();
  const { script } = actorOf([]);
  let differences = 0;
  for (const id of ODD) await state.spawn(script, id, { id, metadata: { kept: id } });
  for (const id of ODD) {
    const found = await state.get(id);
    if (found?.goals[0] !== id || found.metadata?.['kept'] !== id) differences += 1;
  }
  const listed = (await state.list()).map(({ id }) => id);
  const encoded = new Set(ODD.map(encodeId));
  noteFigures(context, 'H3', { ids: listed.length, differences, pollution: pollution() });
  expect(listed).toEqual(ODD);
  expect(encoded.size).toBe(ODD.length);
  expect([differences, pollution()]).toEqual([0, 0]);
});

test('H4: texts that do not survive everywhere, in memory', async (context) => {
  const bus = makeMemoryBus();
  const got: string[] = [];
  bus.subscribe(({ content }) => void got.push(content));
  const RIGHT = [
    '\uFEFFbom',
    '\u202Eright to left',
    'e\u0301 and \u00E9',
    '👩‍👩‍👧',
    'line\u2028separator',
    '\r\n\t',
  ];
  const WRONG = ['\uD800', 'a\uDC00b', 'nul \u0000'];
  for (const content of RIGHT) await bus.send({ from: 'ada', to: 'bob', content });
  const codes = await Promise.all(
    WRONG.map((content) =>
      bus.send({ from: 'ada', to: 'bob', content }).then(() => 'sent', codeOf),
    ),
  );
  await turn();
  const mismatches = RIGHT.filter((text, n) => got[n] !== text).length;
  noteFigures(context, 'H4', { delivered: got.length, mismatches, refused: codes.length });
  expect([got.length, mismatches]).toEqual([RIGHT.length, 0]);
  expect(new Set(codes)).toEqual(new Set(['message-invalid']));
  await bus.close();
});

/** What no bus takes. `packages/adapter-redis-bus` is held to the same list by the same rule (bus:11). */
const NO_MESSAGES: Readonly<Record<string, unknown>> = {
  'no content': { from: 'a', to: 'b' },
  'a date': { from: 'a', to: 'b', content: new Date(0) },
  'a map': { from: 'a', to: 'b', content: new Map() },
  'a bigint': { from: 'a', to: 'b', content: 1n },
  'not a number': { from: 'a', to: 'b', content: Number.NaN },
  'a symbol': { from: 'a', to: 'b', content: Symbol('x') },
  'undefined in metadata': { from: 'a', to: 'b', content: 'x', metadata: { a: undefined } },
  'a date in metadata': { from: 'a', to: 'b', content: 'x', metadata: { a: new Date(0) } },
  'a bigint in metadata': { from: 'a', to: 'b', content: 'x', metadata: { a: 1n } },
  'NaN in metadata': { from: 'a', to: 'b', content: 'x', metadata: { a: [Number.NaN] } },
  'an empty sender': { from: '', to: 'b', content: 'x' },
  'a line break in an id': { from: 'a', to: 'b\n', content: 'x' },
  null: null,
};

test('H5: contents that are no text', async (context) => {
  const bus: IMessageBus = makeMemoryBus();
  let delivered = 0;
  bus.subscribe(() => void (delivered += 1));
  const codes = await Promise.all(
    Object.values(NO_MESSAGES).map((message) =>
      bus.send(message as OutgoingMessage).then(() => 'sent', codeOf),
    ),
  );
  await turn();
  noteFigures(context, 'H5', {
    tried: codes.length,
    refused: codes.filter((code) => code === 'message-invalid').length,
    delivered,
  });
  expect(new Set(codes)).toEqual(new Set(['message-invalid']));
  expect(delivered).toBe(0);
  await bus.close?.();
});

test('H7: large messages in memory', async (context) => {
  const bus = makeMemoryBus({ maxMessageBytes: 2 ** 20 });
  const got: number[] = [];
  bus.subscribe(({ content }) => void got.push(content.length));
  await bus.send({ from: 'a', to: 'b', content: 'x'.repeat(2 ** 20) });
  const huge = 'y'.repeat(100 * 2 ** 20);
  const before = heapBytes();
  const began = performance.now();
  const code = await bus.send({ from: 'a', to: 'b', content: huge }).then(() => 'sent', codeOf);
  const ms = performance.now() - began;
  await turn();
  const grownKiB = Math.round((heapBytes() - before) / 1024);
  // Others, while somebody sends the largest that he may.
  const latencies = async (big: string | undefined): Promise<number> => {
    const times: number[] = [];
    const end = bus.subscribe(({ content }) => times.push(performance.now() - Number(content)), {
      to: 'quiet',
    });
    for (let n = 0; n < 200; n += 1) {
      if (big !== undefined && n % 10 === 0)
        await bus.send({ from: 'a', to: 'b', content: big }).catch(() => {});
      await bus.send({ from: 'a', to: 'quiet', content: `${performance.now()}` });
      await turn();
    }
    end();
    expect(times).toHaveLength(200);
    return times.toSorted((a, b) => a - b)[198] ?? 0;
  };
  const quiet = await latencies(undefined);
  const beside = await latencies(huge);
  noteFigures(context, 'H7', {
    delivered: got.length,
    refused: code,
    refusedMs: ms.toFixed(1),
    grownKiB,
    quietP99Ms: quiet.toFixed(2),
    besideP99Ms: beside.toFixed(2),
  });
  expect(got[0]).toBe(2 ** 20);
  expect(code).toBe('message-too-large');
  expect(ms).toBeLessThan(250);
  expect(grownKiB).toBeLessThan(20 * 1_024);
  // Below some milliseconds the clock tells more of the machine than of us.
  expect(beside).toBeLessThan(Math.max(2 * quiet, 25));
  await bus.close();
});

const logged = async (
  write: (log: ReturnType<typeof makePinoLog>) => void,
  pretty: boolean,
  secrets: readonly string[] = [],
): Promise<string> => {
  let text = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const log = makePinoLog({ destination, pretty, secrets, level: 'debug' });
  write(log);
  await log.close();
  return text;
};

test('H9: records that want to be two', async (context) => {
  const EVIL = [
    '\n{"level":60,"msg":"forged"}',
    '\u001b[2J',
    '\u001b]8;;http://x\u0007',
    '\rforged',
    'a\u2028b',
    '\u0085',
    '\u009b2J',
  ];
  let [forged, controls, records] = [0, 0, 0];
  for (const pretty of [false, true]) {
    const text = await logged((log) => {
      for (const evil of EVIL)
        log(`Ticking actor: ${evil}`, { id: evil, error: new Error(evil), [evil]: evil });
    }, pretty);
    const lines = text.split('\n').filter((line) => line !== '');
    records += lines.length;
    forged += Math.abs(lines.length - EVIL.length);
    controls += (text.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g) ?? []).length;
  }
  noteFigures(context, 'H9', { records, forged, controls });
  expect([records, forged, controls]).toEqual([EVIL.length * 2, 0, 0]);
});

test('H10: six secrets in every place', async (context) => {
  const SECRETS = [
    'hunter2-env-secret',
    'body+secret/7==',
    'head er-secret',
    'url:user@secret',
    'args"secret\\',
    'ünïcode-secret',
  ];
  const spread = (secret: string): readonly unknown[] => [
    { error: new Error(`provider said: ${JSON.stringify({ key: secret })}`) },
    { error: new Error('outer', { cause: new Error(secret) }) },
    { headers: { 'X-Anything': secret } },
    {
      url: `https://name:${encodeURIComponent(secret)}@example.com/?q=${encodeURIComponent(secret)}`,
    },
    { action: { type: 'tool', name: 'x', args: { a: { b: { c: { d: { e: secret } } } } } } },
    `plain ${secret} text`,
    Buffer.from(secret).toString('base64'),
    [secret, [secret]],
    { [secret]: 1 },
  ];
  let [leaks, records] = [0, 0];
  for (const pretty of [false, true]) {
    const text = await logged(
      (log) => {
        for (const secret of SECRETS)
          for (const meta of spread(secret)) {
            log(`Executing action: ${secret}`, meta);
            records += 1;
          }
      },
      pretty,
      SECRETS,
    );
    for (const secret of SECRETS)
      for (const form of [
        secret,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString('base64'),
      ])
        if (text.includes(form)) leaks += 1;
  }
  noteFigures(context, 'H10', { records, leaks });
  expect(leaks).toBe(0);
});

test('H11: what grows with its input grows no faster', async (context) => {
  const { orchestrator } = makeDesk();
  const time = async (run: () => unknown): Promise<number> => {
    const times: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const began = workedMs();
      await run();
      times.push(workedMs() - began);
    }
    return Math.min(...times);
  };
  const JOBS: Readonly<Record<string, (text: string) => unknown>> = {
    id: (text) => orchestrator.tickActor({ ...actorOf([]), id: text }).catch(() => {}),
    content: (text) =>
      makeMemoryBus()
        .send({ from: 'a', to: 'b', content: text })
        .catch(() => {}),
    log: (text) => logged((log) => log(text, { error: text }), true, ['secret-text']),
  };
  // Eight times as much: linear work takes 8 times as long, quadratic work 64 times.
  const [size, times] = [2 ** 18, 8];
  const figures: Record<string, string> = {};
  for (const [name, job] of Object.entries(JOBS)) {
    for (const unit of ['a!', '{{{', '* ', 'x.', '\\"']) {
      const little = await time(() => job(unit.repeat(size / unit.length)));
      const much = await time(() => job(unit.repeat((size * times) / unit.length)));
      // Below some milliseconds the clock says nothing about growth.
      const ratio = much < 5 ? times : much / little;
      figures[`${name} ${unit}`] = much < 5 ? `${much.toFixed(1)} ms` : ratio.toFixed(1);
      expect(ratio, `${name} ${unit}`).toBeLessThan(32);
    }
  }
  noteFigures(context, 'H11', figures);
}, 60_000);
