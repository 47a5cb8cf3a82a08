import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { PantheonError } from '@promethean/pantheon-core';
import { pino } from 'pino';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { makePinoLog, type PinoLog, type PinoLogOptions } from './index.ts';

const NOON = Date.UTC(2026, 5, 1, 12);

/** A log into a list of what was written. */
const makeLog = (options: PinoLogOptions = {}) => {
  const writes: string[] = [];
  const log = makePinoLog({
    level: 'trace',
    now: () => NOON,
    destination: { write: (line) => writes.push(line) },
    ...options,
  });
  return {
    log,
    writes,
    text: () => writes.join(''),
    records: () =>
      writes
        .join('')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
};

/** What one call writes in JSON, without what every record has. */
const recordOf = (
  message: string,
  meta?: unknown,
  options?: PinoLogOptions,
): Record<string, unknown> => {
  const { log, records } = makeLog(options);
  log(message, meta);
  expect(records()).toHaveLength(1);
  const { level: _, time: __, pid: ___, hostname: ____, ...rest } = records()[0] ?? {};
  return rest;
};

const prettyOf = (message: string, meta?: unknown, options?: PinoLogOptions): string => {
  const { log, text } = makeLog({ pretty: true, color: false, ...options });
  log(message, meta);
  return text();
};

describe('options', () => {
  test.each<[object, string]>([
    [{ level: 'loud' }, 'level'],
    [{ level: 'toString' }, 'level'],
    [{ maxFieldBytes: 10 }, 'maxFieldBytes'],
    [{ secrets: ['', 'abc'] }, 'secrets[1]'],
    [{ secrets: 'one-secret' }, 'secrets must be a list'],
    [{ destination: '/nowhere/at/all.log' }, '/nowhere/at/all.log'],
    [{ logger: pino(), pretty: true }, 'pretty'],
    [{ logger: pino(), level: 'info' }, 'level'],
  ])('%o throws option-invalid and names the option', (options, name) => {
    expect(() => makePinoLog(options)).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringContaining(name) as string,
      }),
    );
  });
});

describe('records in JSON', () => {
  test('have the level, the time, the message and the details', () => {
    const { log, records } = makeLog({ name: 'demo' });
    log('Actor a1 paused', { actorId: 'a1', count: 3, nested: { ok: true, list: [1, null] } });
    expect(records()).toEqual([
      {
        level: 30,
        time: NOON,
        pid: process.pid,
        hostname: expect.any(String) as string,
        name: 'demo',
        msg: 'Actor a1 paused',
        actorId: 'a1',
        count: 3,
        nested: { ok: true, list: [1, null] },
      },
    ]);
  });

  test.each<[string, unknown, string]>([
    ['Ticking actor: a1', { goals: [] }, 'debug'],
    ['Executing action: tool', { action: {} }, 'debug'],
    ['Behavior greet failed', { error: 'no' }, 'error'],
    ['Actor loop error for a1', { error: 'no' }, 'error'],
    ['Action failed: tool', { error: 'no' }, 'warn'],
    [
      'anything',
      { error: { code: 'llm-rate-limited', message: 'later', retryable: true } },
      'warn',
    ],
    ['anything', new Error('no'), 'error'],
    ['anything', { error: null }, 'info'],
    ['anything', undefined, 'info'],
  ])('%s with %o is logged as %s', (message, meta, level) => {
    const { log, records } = makeLog();
    log(message, meta);
    expect(records()[0]?.['level']).toBe(pino.levels.values[level]);
  });

  test('below the level are not made: the details are not read', () => {
    const { log, writes } = makeLog({ level: 'info' });
    let reads = 0;
    const meta = {
      get goals() {
        reads += 1;
        return [];
      },
    };
    log('Ticking actor: a1', meta);
    expect({ reads, writes }).toEqual({ reads: 0, writes: [] });
    log.logger.level = 'debug';
    log('Ticking actor: a1', meta);
    expect(writes).toHaveLength(1);
  });

  test('cannot overwrite what the logger says', () => {
    const { log, text, records } = makeLog();
    log('message', { level: 60, time: 0, msg: 'forged', pid: 1, hostname: 'h', name: 'n' });
    expect(text().match(/"level":/g)).toHaveLength(1);
    expect(records()[0]).toMatchObject({
      level: 30,
      time: NOON,
      msg: 'message',
      level_: 60,
      msg_: 'forged',
    });
  });

  test('show errors with their code and at most three causes', () => {
    let error: Error = new Error('root');
    for (let depth = 1; depth <= 5; depth += 1)
      error = new Error(`level ${depth}`, { cause: error });
    const own = new PantheonError('tool-failed', 'It failed.', {
      cause: error,
      details: { apiKey: 'x' },
    });
    const record = recordOf('failed', { error: own });
    expect(record['error']).toMatchObject({
      name: 'PantheonError',
      code: 'tool-failed',
      message: 'It failed.',
      stack: expect.stringContaining('pino-log.test.ts') as string,
      cause: {
        message: 'level 5',
        cause: { message: 'level 4', cause: { message: 'level 3', cause: '[more causes]' } },
      },
    });
    expect(record['error']).not.toHaveProperty('details');
  });

  test.each<[string, unknown, unknown]>([
    ['a text', 'why', { meta: 'why' }],
    ['a list', [1, 2], { meta: [1, 2] }],
    ['a bigint and a symbol', { a: 10n, b: Symbol('s') }, { a: '10', b: 'Symbol(s)' }],
    ['a function and undefined', { a: () => 1, b: undefined }, { a: '[function]' }],
    ['NaN', { a: Number.NaN }, { a: null }],
    [
      'a date and a URL',
      { a: new Date(0), b: new URL('https://example.com/x') },
      { a: '1970-01-01T00:00:00.000Z', b: 'https://example.com/x' },
    ],
    ['a date that is none', { a: new Date(Number.NaN) }, { a: 'null' }],
    ['bytes', { a: Buffer.from('abc') }, { a: '[Buffer of 3 bytes]' }],
    [
      'a Map and a Set',
      { a: new Map([['k', 1]]), b: new Set([1]) },
      { a: '[Map of 1]', b: '[Set of 1]' },
    ],
    [
      'a request, a socket, a client',
      { a: new PassThrough(), b: new Headers({ x: 'y' }) },
      { a: '[PassThrough]', b: '[Headers]' },
    ],
    [
      'an object without prototype',
      { a: Object.assign(Object.create(null), { b: 1 }) as object },
      { a: { b: 1 } },
    ],
    [
      'a __proto__ member',
      JSON.parse('{"__proto__":{"polluted":true}}'),
      JSON.parse('{"__proto__":{"polluted":true}}'),
    ],
    [
      'seven levels',
      { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } },
      { a: { b: { c: { d: { e: { f: '[object]' } } } } } },
    ],
    [
      'a long list',
      { a: Array.from({ length: 103 }, () => 0) },
      { a: [...Array.from({ length: 100 }, () => 0), '[3 more]'] },
    ],
  ])('show %s as plain data', (_, meta, details) => {
    expect(recordOf('m', meta)).toEqual({ msg: 'm', ...(details as object) });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('never throw, whatever is logged', () => {
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
        getPrototypeOf: () => {
          throw new Error('trap');
        },
      },
    );
    const cyclic: Record<string, unknown> = { name: 'c' };
    cyclic['self'] = cyclic;
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const badError = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('trap');
      },
    });
    const selfCaused = new Error('self');
    selfCaused.cause = selfCaused;
    const throwing = {
      ok: 1,
      get bad() {
        throw new Error('getter');
      },
      toJSON: () => {
        throw new Error('toJSON');
      },
    };
    const { log, records } = makeLog();
    const logged = [
      trap,
      { trap },
      cyclic,
      revoked.proxy,
      { error: badError },
      { error: selfCaused },
      throwing,
      Object.create(trap),
    ];
    for (const meta of logged) log('m', meta);
    log(undefined as unknown as string, null);
    log(Symbol('s') as unknown as string);
    expect(records()).toHaveLength(logged.length + 2);
    expect(records()[2]).toMatchObject({ name_: 'c', self: '[circular]' });
    expect(records()[4]?.['error']).toMatchObject({ message: '[unreadable]' });
    expect(records()[5]?.['error']).toMatchObject({ message: 'self', cause: '[circular]' });
    expect(records()[6]).toMatchObject({ ok: 1, bad: '[unreadable]', toJSON: '[function]' });
  });

  test('a destination that throws is not noticed by who logs', () => {
    const log = makePinoLog({
      destination: {
        write: () => {
          throw new Error('the disk is full');
        },
      },
    });
    expect(() => log('message')).not.toThrow();
  });
});

describe('limits', () => {
  test('a text of 50 MB is cut within the limit and says how long it was', () => {
    const { log, records, text } = makeLog();
    log('m', { body: 'ü'.repeat(50_000_000) });
    expect(records()[0]?.['body']).toMatch(/^ü+… \[cut, 50000000 characters\]$/);
    expect(Buffer.byteLength(String(records()[0]?.['body']))).toBeLessThanOrEqual(8_192);
    expect(text().length).toBeLessThan(10_000);
  });

  test('an error message is cut at 2 KiB', () => {
    const error = recordOf('m', new Error('x'.repeat(10_000)))['error'] as { message: string };
    expect(error.message.length).toBeLessThanOrEqual(2_048);
  });

  test('a record with many long texts stays within eight of them', () => {
    const meta = Object.fromEntries(
      Array.from({ length: 90 }, (_, n) => [`k${n}`, 'x'.repeat(1_000)]),
    );
    const { log, text } = makeLog({ maxFieldBytes: 1_000 });
    log('m', meta);
    expect(text().length).toBeLessThan(12_000);
    expect(text()).toContain('"[cut]"');
  });

  test('a record with very many members ends', () => {
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 0));
    const { log, text } = makeLog();
    log('m', { wide });
    expect(text().length).toBeLessThan(10_000);
  });
});

describe('forgery', () => {
  const FORGED = '{"level":60,"msg":"forged"}';
  const attacks = [
    `a\n${FORGED}\n`,
    `a\r\n${FORGED}`,
    `a\u2028${FORGED}\u2029`,
    'a\u0085b',
    '\u001b[2J\u001b[1;1Hgone',
    '\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007',
    '\u009b2Jgone',
    'a\u0000\b\u007f',
    'abc\u202Edcba\u2066x',
  ];
  const places = (attack: string): [string, unknown][] => [
    [attack, undefined],
    ['message', { [attack]: attack, nested: { [attack]: [attack] } }],
    [
      'message',
      { error: Object.assign(new Error(attack), { name: attack, code: attack, stack: attack }) },
    ],
    [
      'message',
      Object.assign(new Error('x', { cause: attack }), { stack: `Error: x\n    at ${attack}` }),
    ],
    [`Executing action: ${attack}`, { actorId: attack, action: { type: 'tool', name: attack } }],
  ];

  test.each([
    ['JSON', { pretty: false }],
    ['pretty', { pretty: true, color: false }],
  ])('%s: every record is one physical line without control characters', (_, options) => {
    for (const attack of attacks) {
      for (const [message, meta] of places(attack)) {
        const { log, text } = makeLog(options);
        log(message, meta);
        log.logger.info({ [attack]: attack }, attack); // Past the rules of `log`.
        const written = text();
        expect(written.split('\n')).toHaveLength(3);
        expect(written).not.toMatch(
          /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/,
        );
        expect(written).not.toMatch(/^\{"level":60/m);
      }
    }
  });

  test("on an application's logger the line feeds are shown, because its printer may not escape them", () => {
    const lines: string[] = [];
    const logger = pino(
      { base: null, timestamp: false },
      { write: (line: string) => void lines.push(line) },
    );
    makePinoLog({ logger })(`a\n${FORGED}`, { 'k\n': 'v\nw' });
    expect(lines).toEqual([
      `${JSON.stringify({ level: 30, 'k\\n': 'v\\nw', msg: `a\\n${FORGED}` })}\n`,
    ]);
  });

  test('keeps line feeds as data in JSON', () => {
    expect(recordOf('a\nb')['msg']).toBe('a\nb');
  });
});

describe('secrets', () => {
  const PLANTED = {
    llm: 'llm-key/4f+9?=x',
    redis: 'p@ss word:redis',
    tool: 'tööl-schlüssel-99',
    pin: '8675309123',
    quoted: 'quo"te\\back\nslash',
    plain: 'correcthorsebattery',
  };
  const secrets = Object.values(PLANTED);

  const leaks = (text: string): string[] =>
    secrets.filter((secret) => {
      const bytes = Buffer.from(secret);
      const forms = [
        secret,
        encodeURIComponent(secret),
        encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase()),
        JSON.stringify(secret).slice(1, -1),
        bytes.toString('base64').replace(/=+$/, ''),
        bytes.toString('base64url'),
      ];
      return forms.some((form) => text.includes(form));
    });

  const shapes = (secret: string): [string, string, unknown][] => [
    ['three levels deep', 'm', { a: { b: { config: secret } } }],
    ['five levels deep', 'm', { a: { b: { c: { d: { e: `x ${secret}` } } } } }],
    [
      'in a header of any case',
      'm',
      { headers: { AUTHORIZATION: `Bearer ${secret}`, 'x-Api-Key': secret } },
    ],
    ['in a text', `calling with ${secret} now`, undefined],
    ['in the message of an error', 'm', { error: new Error(`401 for key ${secret}`) }],
    ['in the cause of an error', 'm', { error: new Error('x', { cause: new Error(secret) }) }],
    ['in the error as text', 'm', { error: `401: ${secret}` }],
    ['in a string of JSON', 'm', { body: JSON.stringify({ config: secret }) }],
    [
      'in JSON in a string of JSON',
      'm',
      { body: JSON.stringify({ inner: JSON.stringify({ value: secret }) }) },
    ],
    ['in a list', 'm', { argv: ['--key', secret, `--key=${secret}`] }],
    ['in a raw blob of headers', 'm', { raw: `GET / HTTP/1.1\r\nX-Key: ${secret}\r\n\r\n` }],
    ['in a query', 'm', { url: `https://api.example/v1?key=${encodeURIComponent(secret)}&x=1` }],
    [
      'in a query with small letters in its codes',
      'm',
      {
        url: `https://a.example/?k=${encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase())}`,
      },
    ],
    [
      'in a query as a form writes it',
      'm',
      { url: `https://a.example/?${new URLSearchParams({ k: secret }).toString()}` },
    ],
    [
      'in a URL object',
      'm',
      { url: new URL(`https://api.example/v1?key=${encodeURIComponent(secret)}`) },
    ],
    [
      'in the user part of a URL',
      'm',
      { url: `redis://app:${encodeURIComponent(secret)}@host:6379` },
    ],
    ['in base64', 'm', { header: Buffer.from(secret).toString('base64') }],
    [
      'in base64 of a longer text',
      'm',
      { header: Buffer.from(`user:${secret}`).toString('base64') },
    ],
    [
      'in base64url after two characters',
      'm',
      { header: Buffer.from(`ab${secret}cd`).toString('base64url') },
    ],
    ['as a key', 'm', { cache: { [secret]: 1 } }],
    [
      'in the arguments of a tool',
      'Executing action: tool',
      { action: { type: 'tool', args: { q: secret } } },
    ],
  ];

  test.each(['JSON', 'pretty'])(
    '%s: no registered secret appears in any of 21 natural shapes',
    (form) => {
      const found: string[] = [];
      for (const secret of secrets) {
        for (const [shape, message, meta] of shapes(secret)) {
          const { log, text } = makeLog({ secrets, pretty: form === 'pretty', color: false });
          log(message, meta);
          log.logger.warn({ meta: message, detail: secret }, message);
          if (leaks(text()).length > 0) found.push(`${shape}: ${text()}`);
        }
      }
      expect(found).toEqual([]);
    },
  );

  test('an LLM error body with a key, logged as a whole, shows nothing of it', () => {
    const error = Object.assign(new Error(`Incorrect API key provided: ${PLANTED.llm}.`), {
      code: 'invalid_api_key',
      headers: { authorization: `Bearer ${PLANTED.llm}` },
      request: { body: PLANTED.llm },
    });
    const { log, text } = makeLog({ secrets });
    log('Behavior think failed', { error, env: { ...PLANTED } });
    expect(leaks(text())).toEqual([]);
  });

  test('a number whose digits are a secret is hidden, the time is not', () => {
    const { log, records } = makeLog({ secrets: [PLANTED.pin, String(NOON)] });
    log('m', { pin: Number(PLANTED.pin), other: 42 });
    expect(records()[0]).toMatchObject({ pin: '[redacted]', other: 42, time: NOON });
  });

  test('a secret at the place of a cut does not leave its beginning', () => {
    for (let before = 8_100; before < 8_200; before += 1) {
      const { log, text } = makeLog({ secrets });
      log('m', { body: 'x'.repeat(before) + PLANTED.plain + 'y'.repeat(100_000) });
      expect(text()).not.toContain(PLANTED.plain.slice(0, 4));
    }
  });

  test('a text of nothing but secrets does not end in the beginning of one', () => {
    for (let shift = 0; shift < PLANTED.plain.length; shift += 1) {
      const { log, text } = makeLog({ secrets });
      log('m', { body: 'x'.repeat(shift) + PLANTED.plain.repeat(1_000) });
      expect(text()).not.toContain(PLANTED.plain.slice(0, 2));
    }
  });

  test('a function gives the secrets of the moment, and its failure keeps those known', () => {
    let current = (): (string | undefined)[] => ['first-secret'];
    const { log, writes } = makeLog({ secrets: () => current() });
    log('first-secret second-secret');
    current = () => [undefined, 'second-secret', '', 'x'];
    log('first-secret second-secret x');
    current = () => {
      throw new Error('vault is down');
    };
    log('second-secret');
    expect(writes.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      '[redacted] second-secret',
      'first-secret [redacted] x',
      '[redacted]',
    ]);
  });

  describe('that nobody registered', () => {
    const HIDDEN = 'Zx81hidden00value';

    test.each<[string, unknown]>([
      [
        'a header of any case',
        { headers: { Authorization: HIDDEN, 'SET-COOKIE': [HIDDEN], 'X-API-Key': HIDDEN } },
      ],
      [
        'members of many names',
        {
          apiKey: HIDDEN,
          api_key: HIDDEN,
          dbPassword: HIDDEN,
          client_secret: HIDDEN,
          accessToken: HIDDEN,
          pwd: HIDDEN,
          credentials: { user: HIDDEN },
          sessionId: HIDDEN,
        },
      ],
      [
        'a flat list of headers',
        { rawHeaders: ['Host', 'x', 'Authorization', HIDDEN, 'Cookie', HIDDEN] },
      ],
      ['headers as pairs', { headers: [['authorization', HIDDEN]] }],
      ['headers as objects', { headers: [{ name: 'Authorization', value: HIDDEN }] }],
      ['a bearer', { note: `sent Bearer ${HIDDEN} to it` }],
      [
        'basic credentials',
        { note: `Basic ${Buffer.from(`aladdin:${HIDDEN}`).toString('base64')}` },
      ],
      [
        'a raw blob of headers',
        {
          raw: `POST / HTTP/1.1\r\nAuthorization: Custom ${HIDDEN} ${HIDDEN}\r\nCookie: a=${HIDDEN}; b=${HIDDEN}\r\nAccept: x`,
        },
      ],
      [
        'a string of JSON',
        { body: JSON.stringify({ user: 'u', password: `a ${HIDDEN} b`, next: 1 }) },
      ],
      ['JSON in a string of JSON', { body: JSON.stringify(JSON.stringify({ 'api-key': HIDDEN })) }],
      ['JSON that was cut', { body: `{"user":"u","token":"${HIDDEN}` }],
      ['a query', { url: `https://a.example/x?access_token=${HIDDEN}&page=2` }],
      ['a line of settings', { note: `PASSWORD=${HIDDEN} HOST=x` }],
      ['the user part of a URL', { url: `postgres://app:${HIDDEN}@db:5432/x` }],
      ['a web token', { note: `eyJhbGciOiJIUzI1NiJ9.eyJzdWIi${HIDDEN}.sig${HIDDEN}` }],
      ['a key of a known shape', { note: `used sk-proj-${HIDDEN}0123` }],
      [
        'a private key',
        { note: `-----BEGIN RSA PRIVATE KEY-----\n${HIDDEN}\n-----END RSA PRIVATE KEY-----` },
      ],
    ])('are hidden in %s', (_, meta) => {
      const { log, text } = makeLog();
      log('m', meta);
      expect(text()).toContain('[redacted]');
      expect(text()).not.toContain(HIDDEN);
      expect(text()).not.toContain(Buffer.from(HIDDEN).toString('base64').slice(2, 14));
    });

    test('what only looks like it stays', () => {
      const meta = {
        usage: { inputTokens: 12, totalTokens: 30, tokens: 42 },
        note: 'a token of thanks, basic authentication failed; the secretary kept the key',
        url: 'https://example.com/a@b?q=1',
        time: '12:30',
        idempotencyKey: 'a1/t1/0/0',
        token: null,
        hasPassword: true,
        password: '',
      };
      expect(recordOf('m', meta)).toMatchObject({
        usage: { inputTokens: 12, totalTokens: 30, tokens: 42 },
        note: meta.note,
        url: meta.url,
        time_: '12:30',
        idempotencyKey: 'a1/t1/0/0',
        token: null,
        hasPassword: true,
        password: '',
      });
    });
  });

  test('texts made to be slow are searched to their end', () => {
    const attacks = [
      'a.',
      'password',
      'token=',
      'token="',
      '://',
      '\\',
      ' ',
      'eyJ',
      'Bearer ',
      'api-key: "',
      '-----BEGIN ',
    ];
    const { log, writes } = makeLog({ secrets, maxFieldBytes: 1_048_576 });
    for (const attack of attacks) {
      // A hundred times what a field has by default: in quadratic time, this test would not end.
      log('m', { text: attack.repeat(Math.floor(800_000 / attack.length)) });
    }
    expect(writes).toHaveLength(attacks.length);
  });
});

describe('pretty lines', () => {
  const TIME = /^\d\d:\d\d:\d\d\.\d{3} /;

  test('show time, level, message and details on one line', () => {
    const line = prettyOf('Actor a1 paused', {
      actorId: 'a1',
      reason: 'over budget',
      n: 3,
      list: [1, { a: 'b' }],
    });
    expect(line).toMatch(TIME);
    expect(line.replace(TIME, '')).toBe(
      'INFO  Actor a1 paused actorId=a1 reason="over budget" n=3 list=[1,{"a":"b"}]\n',
    );
  });

  test('show line breaks as a character, and the name of the log', () => {
    const line = prettyOf(
      'two\n  lines\tand tab',
      { text: 'a\r\n\tb', cr: 'a\rb' },
      { name: 'demo' },
    );
    expect(line.replace(TIME, '')).toBe(
      'INFO  demo: two ⏎ lines and tab text="a ⏎ b" cr=a\\u000db\n',
    );
  });

  test('show an error in a few words with its causes and its place', () => {
    const error = new TypeError('bad url', { cause: new Error('no host') });
    const line = prettyOf('Behavior b failed', { error });
    expect(line).toMatch(
      /ERROR Behavior b failed error="TypeError: bad url < Error: no host \(at .*pino-log\.test\.ts.*\)"\n$/,
    );
  });

  test('have colors only where they are wanted', () => {
    expect(prettyOf('m', { a: 1 }, { color: true })).toContain(
      '\u001b[32mINFO \u001b[0m m \u001b[2ma=1\u001b[0m',
    );
    expect(prettyOf('m', { a: 1 }, { color: false })).not.toContain('\u001b');
  });

  describe('by default', () => {
    afterEach(() => vi.unstubAllEnvs());

    const written = (env: Record<string, string>, isTTY: boolean): string => {
      for (const [name, value] of Object.entries({ TERM: 'xterm', NO_COLOR: undefined, ...env })) {
        vi.stubEnv(name, value);
      }
      const writes: string[] = [];
      makePinoLog({
        destination: Object.assign({ write: (line: string) => writes.push(line) }, { isTTY }),
      })('m');
      return writes.join('');
    };

    test('come on a terminal, in color unless NO_COLOR is set, and JSON comes anywhere else', () => {
      expect(written({}, true)).toContain('\u001b[32mINFO');
      expect(written({ NO_COLOR: '' }, true)).toContain('\u001b[32mINFO');
      expect(written({ NO_COLOR: '1' }, true)).toMatch(/^[\d:.]+ INFO {2}m\n$/);
      expect(written({ TERM: 'dumb' }, true)).not.toContain('\u001b');
      expect(JSON.parse(written({}, false))).toMatchObject({ msg: 'm' });
    });
  });
});

describe('destinations', () => {
  const inFolder = async (run: (folder: string) => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'pantheon-log-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const logLines = async (log: PinoLog, path: string): Promise<string[]> => {
    await log.flush();
    return (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  };

  test('a path is appended to, and closed by close', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.log');
      for (const message of ['one', 'two']) {
        const log = makePinoLog({ destination: path });
        log(message);
        await log.close();
        await log.close();
        log('too late');
        log.logger.info('too late');
      }
      const lines = (await readFile(path, 'utf8')).trim().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
        'one',
        'two',
      ]);
    }));

  test('a file descriptor is written to and stays open', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.log');
      const descriptor = openSync(path, 'a');
      const first = makePinoLog({ destination: descriptor });
      first('one');
      await first.close();
      const second = makePinoLog({ destination: descriptor });
      second('two');
      expect(await logLines(second, path)).toHaveLength(2);
      closeSync(descriptor);
    }));

  test('a file descriptor that cannot be written ends neither the caller nor the process', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'a.log');
      closeSync(openSync(path, 'a'));
      const readOnly = openSync(path, 'r');
      const log = makePinoLog({ destination: readOnly });
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
      expect(() => log('one')).not.toThrow();
      expect(() => log('two')).not.toThrow();
      await log.close();
      expect(await warned).toMatchObject({ name: 'PantheonLogWarning' });
      closeSync(readOnly);
    });
  });

  test('flush of a stream waits until it has taken everything', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const log = makePinoLog({ destination: stream });
    log('one');
    log('two');
    let flushed = false;
    const flushing = log.flush().then(() => (flushed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(flushed).toBe(false);
    stream.resume();
    await flushing;
    expect(stream.writableLength).toBe(0);
    await log.close();
    log.logger.info('too late');
    expect(stream.writableLength).toBe(0);
    expect(stream.writableEnded).toBe(false);
  });

  test("an application's logger is used as it is", async () => {
    const lines: string[] = [];
    const logger = pino(
      { base: { app: 'mine' }, level: 'warn' },
      { write: (line: string) => void lines.push(line) },
    );
    const log = makePinoLog({ logger, secrets: ['topsecret'] });
    expect(log.logger).toBe(logger);
    log('not important');
    log('Behavior b failed', { error: 'with topsecret' });
    await log.close();
    log('Behavior b failed', { error: 'too late' });
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      {
        level: 50,
        time: expect.any(Number) as number,
        app: 'mine',
        error: 'with [redacted]',
        msg: 'Behavior b failed',
      },
    ]);
  });
});
