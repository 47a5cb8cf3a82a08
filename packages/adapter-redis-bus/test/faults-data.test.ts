/** What messages, networks and numbers do to us. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type BusMessage, type OutgoingMessage, PantheonError } from '@promethean/pantheon-core';
import { startProxy } from '@promethean/services';
import { IS_FULL, noteFigures } from '@promethean/services/figures';
import { describeWithRedisServer } from '@promethean/services/vitest';
import { expect, test } from 'vitest';
import { makeRedisBus, type RedisBus } from '../src/index.ts';
import { prefixOf } from '../src/keys.ts';
import { connect, freshNamespace, removeAll, until } from './inspect.ts';
import { makeTally } from './load.ts';
import { inScene, letter, range } from './scene.ts';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** The sizes of the catalogue with `npm run faults`. */
const SOAK = IS_FULL ? 1_000_000 : 100_000;
const BUSES = IS_FULL ? 1_000 : 200;

const heap = (): number => {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
};

const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (PantheonError.is(error) ? error.code : String(error)),
  );

describeWithRedisServer(
  'a bus under strange data, slow networks and many of everything',
  (redis) => {
    const url = (): string => redis().url;

    test('D8 the same message, sent fifty times by three buses while it is handled, is handled once', async (context) =>
      inScene(url(), async ({ bus }) => {
        const senders = [bus(), bus(), bus()];
        const worker = bus();
        const tally = makeTally();
        const plain = makeTally();
        const gates: (() => void)[] = [];
        worker.subscribe(
          (message) => {
            tally.handle(message);
            return new Promise<void>((resolve) => gates.push(resolve));
          },
          { group: 'workers' },
        );
        worker.subscribe(plain.handle);
        await worker.ready();
        const twenty = (): Promise<unknown> =>
          Promise.all(
            range(25).map((n) => (senders[n % 3] as RedisBus).send(letter('1', 'bob', 'one'))),
          );
        await twenty();
        await until(() => gates.length === 1, 'the handler');
        await twenty();
        gates[0]?.();
        await until(() => worker.stats().held === 0, 'the acknowledgement');
        await senders[0]?.send(letter('2', 'eve', 'end'));
        await until(() => gates.length === 2 && plain.total() === 2, 'the end');
        gates[1]?.();
        const duplicates = senders.reduce((sum, one) => sum + one.stats().duplicates, 0);
        noteFigures(context, 'D8', {
          sent: 50,
          handled: tally.handled.size - 1,
          recognised: duplicates,
          repeated: tally.repeated() + plain.repeated(),
        });
        expect(tally.total()).toBe(2);
        expect(duplicates).toBe(49);
      }));

    test('D9 300 ms of latency and 3 kB a second: leases are kept, and nothing is handled twice', async (context) => {
      const proxy = await startProxy(redis().port);
      try {
        await inScene(
          url(),
          async ({ bus, failures }) => {
            const slow = bus({ url: `redis://127.0.0.1:${proxy.port}` });
            const tally = makeTally();
            slow.subscribe(tally.handle, { group: 'workers' });
            await slow.ready();
            const connections = slow.stats().connections;
            proxy.set({ kind: 'delay', delayMs: 300 });
            const since = performance.now();
            let n = 0;
            while (performance.now() - since < 4_000) {
              await slow.send(letter(`${n}`, `r${n % 3}`));
              n += 1;
            }
            await until(
              () => tally.total() === n && slow.stats().held === 0,
              'all delayed messages',
            );
            proxy.set({ kind: 'trickle', bytesPerSecond: 10_000 });
            for (let more = 0; more < 3; more += 1) {
              await slow.send(letter(`${n}`, 'r0'));
              n += 1;
            }
            proxy.set({ kind: 'trickle', bytesPerSecond: 3_000 });
            await slow.send(letter(`${n}`, 'r0'));
            n += 1;
            proxy.set({ kind: 'pass' });
            await until(
              () => tally.total() >= n && slow.stats().held === 0,
              'all trickled messages',
            );
            const lost = failures.filter(({ error }) => /lease/.test(String(error))).length;
            noteFigures(context, 'D9', {
              messages: n,
              leasesLost: lost,
              repeated: tally.repeated(),
              disordered: tally.disordered(),
              reconnects: slow.stats().connections - connections,
            });
            expect(lost).toBe(0);
            expect(tally.repeated() + tally.disordered()).toBe(0);
          },
          { leaseMs: 3_000, pollMs: 500 },
        );
      } finally {
        await proxy.close();
      }
    }, 40_000);

    test('D11 odd namespaces share nothing: messages, ids, groups, dead letters', async (context) => {
      const client = connect(url());
      const base = freshNamespace();
      const names = ['a', 'a:', 'a*', '{x}', 'a:bus:all', '', '{'].map((name) => `${base}${name}`);
      const buses = names.map((namespace) => makeRedisBus({ url: url(), namespace }));
      const received = buses.map((bus) => {
        const [group, plain]: [BusMessage[], BusMessage[]] = [[], []];
        bus.subscribe((message) => void group.push(message), { group: 'workers', to: 'bob' });
        bus.subscribe((message) => void plain.push(message), { to: 'bob' });
        return { group, plain };
      });
      try {
        for (const [index, bus] of buses.entries()) {
          await bus.send(letter(names[index] as string, 'bob', 'same id'));
          await bus.send(letter(names[index] as string, 'nobody', 'same dead id'));
        }
        await until(
          () => received.every(({ group, plain }) => group.length === 1 && plain.length === 1),
          'a message each',
        );
        let leaks = 0;
        for (const [index, bus] of buses.entries()) {
          const dead = await bus.deadLetters.list();
          const own = [
            ...(received[index]?.group ?? []),
            ...(received[index]?.plain ?? []),
            ...dead.map(({ message }) => message),
          ];
          leaks +=
            own.filter(({ content }) => content !== names[index]).length + Math.abs(own.length - 3);
        }
        noteFigures(context, 'D11', { namespaces: names.length, leaks });
        expect(leaks).toBe(0);
      } finally {
        await Promise.all(buses.map((bus) => bus.close()));
        for (const name of names) await removeAll(client, name);
        client.disconnect();
      }
    });

    test('H4 texts of all kinds arrive as they were sent, or are refused; bytes that are no text are dead letters', async (context) =>
      inScene(
        url(),
        async ({ namespace, client, bus }) => {
          const one = bus();
          const texts = [
            '\uFEFFwith a mark',
            '\u202Eright to left',
            '👩‍👩‍👧‍👦 family',
            'line\u2028separator',
            'e\u0301',
            'é',
            '\uFFFD',
            '\\ufffd',
            '\u0001\u001b[2J',
            '{"v":1}',
            '\ud83d\ude42',
            '\r\n',
            ' ',
            '日本語',
          ];
          const received: BusMessage[] = [];
          const plain: BusMessage[] = [];
          one.subscribe((message) => void received.push(message), { group: 'workers' });
          one.subscribe((message) => void plain.push(message));
          for (const text of texts) await one.send({ ...letter(text), metadata: { text } });
          // Twins that look alike are two recipients.
          await one.send(letter('decomposed', 'e\u0301'));
          await one.send(letter('composed', 'é'));
          await until(
            () => received.length === texts.length + 2 && plain.length === texts.length + 2,
            'all texts',
          );
          const arrived = received.filter(({ to }) => to === 'bob');
          let mismatches = 0;
          for (const [index, text] of texts.entries()) {
            if (arrived[index]?.content !== text || arrived[index]?.metadata?.['text'] !== text)
              mismatches += 1;
            if (plain[index]?.content !== text) mismatches += 1;
          }
          expect(received.find(({ to }) => to === 'é')?.content).toBe('composed');
          const refused = ['\ud800', 'a\udc00', '\u0000'];
          for (const text of refused) {
            if ((await codeOf(one.send(letter(text)))) !== 'message-invalid') mismatches += 1;
            if (
              (await codeOf(one.send({ ...letter('x'), metadata: { text } }))) !== 'message-invalid'
            )
              mismatches += 1;
          }
          const raw = Buffer.from(
            JSON.stringify({
              v: 1,
              id: 'raw',
              from: 'a',
              to: 'raw',
              content: 'x?y',
              sentAt: 1,
              hops: 0,
            }),
          );
          raw[raw.indexOf('?')] = 0xff;
          const inbox = `${prefixOf(namespace)}in:workers:raw`;
          await client.xadd(inbox, '*', 'm', raw);
          await client.zadd(`${prefixOf(namespace)}ready:workers`, 1, 'raw');
          await until(async () => (await one.deadLetters.list()).length === 1, 'the dead letter');
          noteFigures(context, 'H4', { texts: texts.length, mismatches, deadLetters: 1 });
          expect(mismatches).toBe(0);
        },
        { pollMs: 100 },
      ));

    test('H5 what is no JSON is refused before anything is sent', async (context) =>
      inScene(url(), async ({ bus }) => {
        class Point {
          readonly x = 1;
        }
        const values = [
          undefined,
          new Date(0),
          new Map(),
          1n,
          Number.NaN,
          new Point(),
          Symbol('s'),
          () => 1,
          Number.POSITIVE_INFINITY,
        ];
        const one = bus();
        const outcomes: string[] = [];
        for (const value of values) {
          outcomes.push(
            await codeOf(
              one.send({ from: 'ada', to: 'bob', content: value } as unknown as OutgoingMessage),
            ),
          );
          outcomes.push(
            await codeOf(
              one.send({ ...letter('x'), metadata: { value } } as unknown as OutgoingMessage),
            ),
          );
        }
        const refused = outcomes.filter((code) => code === 'message-invalid').length;
        noteFigures(context, 'H5', {
          values: outcomes.length,
          refused,
          accepted: outcomes.length - refused,
        });
        expect(refused).toBe(outcomes.length);
        expect(one.stats().sent).toBe(0);
      }));

    test('H7 a megabyte arrives where it is allowed, a hundred are refused at once', async (context) =>
      inScene(
        url(),
        async ({ bus }) => {
          const one = bus();
          let size = 0;
          const times: number[] = [];
          one.subscribe(
            ({ to, content }) => {
              if (to === 'big') size += content.length;
              else times.push(performance.now() - Number(content));
            },
            { group: 'workers' },
          );
          await one.ready();
          await one.send(letter('x'.repeat(1_048_576), 'big'));
          const huge = 'x'.repeat(100_000_000);
          const before = process.memoryUsage().rss;
          const since = performance.now();
          const code = await codeOf(one.send(letter(huge, 'big')));
          const ms = performance.now() - since;
          const rssMb = (process.memoryUsage().rss - before) / 1_048_576;
          const mega = 'x'.repeat(1_048_576);
          await until(() => size === mega.length, 'the first');
          let megaMs = 0;
          for (const n of range(5)) {
            const began = performance.now();
            await one.send(letter(mega, 'big'));
            await until(() => size === (n + 2) * mega.length, 'a megabyte');
            megaMs = Math.max(megaMs, performance.now() - began);
          }
          /** What others wait for while somebody sends this as well, ten times in two hundred. */
          const p99Beside = async (big: string | undefined): Promise<number> => {
            times.length = 0;
            const expected = size + (big === mega ? 10 * mega.length : 0);
            for (const n of range(200)) {
              if (n % 20 === 0 && big !== undefined) void codeOf(one.send(letter(big, 'big')));
              await one.send(letter(`${performance.now()}`, `quiet-${n % 5}`));
            }
            await until(() => times.length === 200 && size === expected, 'everything');
            return times.toSorted((a, b) => a - b)[197] ?? 0;
          };
          const alone = await p99Beside(undefined);
          const besideRefused = await p99Beside(huge);
          const besideMega = await p99Beside(mega);
          noteFigures(context, 'H7', {
            refusedMs: Math.round(ms),
            rssMb: Math.round(rssMb),
            aloneP99Ms: alone.toFixed(1),
            besideRefusedP99Ms: besideRefused.toFixed(1),
            besideMegabytesP99Ms: besideMega.toFixed(1),
            megabyteMs: megaMs.toFixed(1),
          });
          expect(code).toBe('message-too-large');
          expect(ms).toBeLessThan(250);
          expect(rssMb).toBeLessThan(20);
          // Below some milliseconds the clock tells more of the machine than of us.
          expect(besideRefused).toBeLessThan(Math.max(2 * alone, 50));
          // One connection: what comes after a megabyte waits for it, and for no more.
          expect(besideMega).toBeLessThan(Math.max(2 * alone, 50) + 3 * megaMs);
        },
        { maxMessageBytes: 2_097_152 },
      ));

    test('H8 entries of foreign clients are set aside, and the bus goes on', async (context) =>
      inScene(
        url(),
        async ({ namespace, client, bus, failures }) => {
          const one = bus();
          const group = makeTally();
          const plain = makeTally();
          one.subscribe(group.handle, { group: 'workers' });
          one.subscribe(plain.handle);
          await one.send(letter('1'));
          await until(() => group.total() === 1 && one.stats().held === 0, 'the first');
          const bad = [
            '',
            '{}',
            'null',
            '[]',
            '{"v":2}',
            '{"v":1}',
            `{"v":1,"id":"","from":"a","to":"b","content":"","sentAt":0,"hops":0}`,
            '\u0000',
          ];
          for (const text of bad) {
            await client.xadd(`${prefixOf(namespace)}in:workers:bob`, '*', 'm', text);
            await client.xadd(`${prefixOf(namespace)}all`, '*', 'm', text);
          }
          await client.xadd(`${prefixOf(namespace)}all`, '*', 'what', 'ever');
          await client.zadd(`${prefixOf(namespace)}ready:workers`, 1, 'bob');
          await one.send(letter('2'));
          await until(() => group.total() === 2 && plain.total() === 2, 'the second');
          const dead = await one.deadLetters.list();
          noteFigures(context, 'H8', {
            bad: bad.length,
            deadLetters: dead.length,
            reports: failures.length,
          });
          expect(dead.length).toBe(bad.length);
          expect(failures.length).toBe(bad.length * 2 + 1);
        },
        { pollMs: 100 },
      ));

    test(
      `I1 ${SOAK} messages: each once, streams empty, memory flat`,
      async (context) =>
        inScene(
          url(),
          async ({ namespace, client, bus }) => {
            const [sender, worker] = [bus(), bus()];
            let group = 0;
            let plain = 0;
            worker.subscribe(() => void (group += 1), { group: 'workers' });
            worker.subscribe(() => void (plain += 1));
            await worker.ready();
            const samples: number[] = [];
            const memory = async (): Promise<number> =>
              Number(/used_memory:(\d+)/.exec(String(await client.info('memory')))?.[1]);
            const memoryBefore = await memory();
            const since = performance.now();
            for (let sent = 0; sent < SOAK; sent += 5_000) {
              await Promise.all(
                range(5_000).map((n) => sender.send(letter('x'.repeat(50), `r${n % 100}`))),
              );
              if (sent >= SOAK / 2) samples.push(heap());
              // A plain subscription that lags by more than `retention` loses messages, and says so: the sender waits for it.
              await until(() => plain >= sent - 50_000, 'the plain subscription', 60_000);
            }
            await until(
              () => group >= SOAK && plain >= SOAK && worker.stats().held === 0,
              'all messages',
              600_000,
            );
            const perSecond = Math.round(SOAK / ((performance.now() - since) / 1_000));
            const prefix = prefixOf(namespace);
            await until(async () => (await client.xlen(`${prefix}all`)) === 0, 'the trimming');
            const slope = (((samples.at(-1) ?? 0) - (samples[0] ?? 0)) / (samples.length - 1)) * 20;
            const ids =
              (await client.scard(`${prefix}ids`)) + (await client.scard(`${prefix}ids:old`));
            const left = (await client.keys(`${prefix}in:*`)).length;
            noteFigures(context, 'I1', {
              messages: SOAK,
              lost: SOAK - group + (SOAK - plain),
              perSecond,
              heapSlopeKbPer100k: Math.round(slope / 1_024),
              inboxes: left,
              idsKept: ids,
              redisGrowthMb: Math.round(((await memory()) - memoryBefore) / 1_048_576),
            });
            expect([group, plain, left]).toEqual([SOAK, SOAK, 0]);
            // A tenth of the messages says less about their slope.
            expect(slope).toBeLessThan((IS_FULL ? 1 : 4) * 1_048_576);
            expect(ids).toBeLessThanOrEqual(20_000 + 512);
          },
          { leaseMs: 1_500, dedupWindow: 10_000 },
        ),
      900_000,
    );

    test(
      `I2 ${BUSES} buses come and go and leave nothing`,
      async (context) =>
        inScene(url(), async ({ client, bus }) => {
          const count = async (): Promise<number> =>
            String(await client.client('LIST'))
              .trim()
              .split('\n').length;
          const before = {
            clients: await count(),
            resources: process.getActiveResourcesInfo().length,
          };
          for (let n = 0; n < BUSES; n += 10) {
            await Promise.all(
              range(10).map(async () => {
                const one = bus();
                one.subscribe(() => undefined);
                const end = one.subscribe(() => undefined, { group: 'workers' });
                await one.send(letter('x'));
                end();
                await one.close();
              }),
            );
          }
          await until(async () => (await count()) === before.clients, 'the end of the connections');
          await until(
            () => process.getActiveResourcesInfo().length <= before.resources,
            'the end of sockets and timers',
          );
          noteFigures(context, 'I2', {
            buses: BUSES,
            connections: (await count()) - before.clients,
            resources: Math.max(0, process.getActiveResourcesInfo().length - before.resources),
          });
        }),
      BUSES * 300,
    );

    test('I4 five hundred actors share two connections, without a warning about listeners', async (context) =>
      inScene(url(), async ({ client, bus }) => {
        const warnings: string[] = [];
        const note = ({ name }: Error): void => void warnings.push(name);
        process.on('warning', note);
        const count = async (): Promise<number> =>
          String(await client.client('LIST'))
            .trim()
            .split('\n').length;
        try {
          const before = await count();
          const one = bus();
          const received = new Map<string, number>();
          const add = ({ to }: BusMessage): void =>
            void received.set(to, (received.get(to) ?? 0) + 1);
          for (const n of range(500)) {
            one.subscribe(add, { to: `actor-${n}` });
            one.subscribe(add, { to: `actor-${n}`, group: 'workers' });
          }
          await Promise.all(range(1_000).map((n) => one.send(letter(`${n}`, `actor-${n % 500}`))));
          await until(
            () => received.size === 500 && [...received.values()].every((times) => times === 4),
            'all messages',
          );
          const connections = (await count()) - before;
          noteFigures(context, 'I4', { actors: 500, connections, warnings: warnings.length });
          expect(connections).toBe(2);
          expect(warnings).toEqual([]);
        } finally {
          process.off('warning', note);
        }
      }));
  },
);
